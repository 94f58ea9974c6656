package signet

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hearth/nvr/media"
)

// LogPurpose is what statements about the audit log are signed for.
const LogPurpose = "hearth audit 1"

// LogStatement is what the box signs about its audit log: how far it had come at a moment.
type LogStatement struct {
	Time  time.Time  // by the box's clock
	Place media.UUID // of the volume where it lies; zero: hearth.db, or an export
	Seq   uint64     // the newest line
	Hash  [32]byte   // the chain behind it
	// Gap, when set, is what an owner acknowledged on the box: earlier statements about lines after this one do not hold
	// any more, because those lines are lost.
	Gap *uint64
}

type logBody struct {
	Time   time.Time  `json:"time"`
	Place  media.UUID `json:"place,omitzero"`
	Key    string     `json:"key"`
	Before []byte     `json:"before"`
	Seq    uint64     `json:"seq"`
	Hash   []byte     `json:"hash"`
	Gap    *uint64    `json:"gap,omitempty"`
}

// LogLine makes a statement's line, without a line feed. before is the SHA-256 of the line before it at its place, zero
// for the first.
func (s *Signet) LogLine(st LogStatement, before [32]byte) ([]byte, error) {
	raw, err := json.Marshal(logBody{st.Time.UTC(), st.Place, s.Fingerprint(), before[:], st.Seq, st.Hash[:], st.Gap})
	if err != nil {
		return nil, err
	}
	sig := base64.StdEncoding.EncodeToString(s.Sign(LogPurpose, raw))
	return append(raw[:len(raw)-1:len(raw)-1], sigHead+sig+sigTail...), nil
}

// ParseLogLine reads what LogLine made and checks its signature: ErrStatement, ErrStranger. before is the hash of the
// line before it that it names.
func ParseLogLine(public ed25519.PublicKey, line []byte) (st LogStatement, before [32]byte, err error) {
	raw, sig, err := unsigned(line)
	if err != nil {
		return st, before, err
	}
	var b logBody
	if err := json.Unmarshal(raw, &b); err != nil {
		return st, before, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	if err := Verify(public, LogPurpose, raw, sig); err != nil {
		if b.Key != Fingerprint(public) {
			return st, before, fmt.Errorf("%w: it names the key %.64q", ErrStranger, b.Key)
		}
		return st, before, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	if len(b.Before) != sha256.Size || len(b.Hash) != sha256.Size {
		return st, before, fmt.Errorf("%w: it is not whole", ErrStatement)
	}
	return LogStatement{b.Time, b.Place, b.Seq, [32]byte(b.Hash), b.Gap}, [32]byte(b.Before), nil
}

// Statements about the log lie beside those about the footage, a file for each year. They stay as long as the log.
const (
	logPrefix  = "audit-"
	yearLayout = "2006"
)

// logFiles lists the files of a volume's statements about the log, oldest first.
func logFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, Folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		year, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), ending), logPrefix)
		if t, err := time.Parse(yearLayout, year); ok && err == nil && e.Name() == logFile(t) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func logFile(t time.Time) string { return logPrefix + t.UTC().Format(yearLayout) + ending }

// AppendLog signs a statement about the audit log, keeps it on the volume in dir and makes it durable. What a power cut
// left of a line is cut off.
func (s *Signet) AppendLog(dir string, st LogStatement) error {
	if err := goOn(dir, logFiles, logFile(st.Time), func(before [32]byte) ([]byte, error) { return s.LogLine(st, before) }); err != nil {
		return fmt.Errorf("write the signed heads of the audit log: %w", err)
	}
	return nil
}

// ExamineLog reads all statements about the audit log of the volume in dir, oldest first, and calls each for every line:
// with the statement, or with what is wrong about it: ErrStatement or ErrStranger. path is below dir, n the line in it,
// from 1. A last line that a power cut left unfinished is passed over. An error of each ends it.
func ExamineLog(dir string, public ed25519.PublicKey, each func(path string, n int, st LogStatement, err error) error) error {
	names, err := logFiles(dir)
	if err != nil {
		return fmt.Errorf("read the signed heads of the audit log: %w", err)
	}
	var c Chained
	for _, name := range names {
		path := filepath.Join(Folder, name)
		raw, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			return fmt.Errorf("read the signed heads of the audit log: %w", err)
		}
		for n := 1; len(raw) > 0; n++ {
			line, rest, ended := bytes.Cut(raw, []byte{'\n'})
			if !ended {
				break
			}
			raw = rest
			st, err := c.Next(public, line)
			if err := each(path, n, st, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// Chained reads the lines of one place, each of which names the one before it. The zero value begins with the first.
type Chained struct {
	before [32]byte
	lost   bool // the line before could not be read
}

// Next reads the next line, or says what is wrong about it: ErrStatement or ErrStranger.
func (c *Chained) Next(public ed25519.PublicKey, line []byte) (LogStatement, error) {
	st, follows, err := ParseLogLine(public, line)
	if err == nil && !c.lost && follows != c.before {
		err = fmt.Errorf("%w: the one before it is missing or changed", ErrStatement)
	}
	c.before, c.lost = sha256.Sum256(line), false
	return st, err
}
