package witness

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"hearth/storage/access"
	"hearth/storage/signet"
)

// ExportKind is how an export of the log begins.
const ExportKind = "audit log 1"

type exportHeader struct {
	Hearth string    `json:"hearth"`
	Box    string    `json:"box"`
	Made   time.Time `json:"made"`
	Key    []byte    `json:"key"` // SPKI, DER
}

const (
	headOpen, headClose = `{"head":`, `}`
	lineOpen, lineMid   = `{"hash":"`, `","line":`
)

// Export is the log at a moment, to be kept elsewhere.
type Export struct {
	w    Witness
	head access.Head
	made time.Time
	name string
	by   *signet.Signet
}

// NewExport fixes how far the log goes that is to be written: whatever is added later is not in it.
func (w Witness) NewExport(by *signet.Signet, name string, now time.Time) (*Export, error) {
	head, err := access.AuditHead(w.Box)
	if err != nil {
		return nil, err
	}
	return &Export{w, head, now.UTC(), name, by}, nil
}

// Write writes the export as JSON Lines: a header with the box's public key, the signed heads that hearth.db has, one
// more of this moment, then every line with the chain behind it. ctx ends it.
func (x *Export) Write(ctx context.Context, to io.Writer) error {
	w := bufio.NewWriterSize(to, 64<<10)
	header, err := json.Marshal(exportHeader{ExportKind, x.name, x.made, signet.SPKI(x.by.Public())})
	if err != nil {
		return err
	}
	put := func(parts ...[]byte) error {
		for _, p := range parts {
			if _, err := w.Write(p); err != nil {
				return err
			}
		}
		return w.WriteByte('\n')
	}
	if err := put(header); err != nil {
		return err
	}
	var heads [][]byte // some hundred bytes an hour; nobody is kept waiting in a transaction
	if err := Lines(x.w.Box, func(line []byte) error {
		heads = append(heads, bytes.Clone(line))
		return nil
	}); err != nil {
		return err
	}
	var before [32]byte
	for _, line := range heads {
		before = sha256.Sum256(line)
		if err := put([]byte(headOpen), line, []byte(headClose)); err != nil {
			return err
		}
	}
	last, err := x.by.LogLine(signet.LogStatement{Time: x.made, Seq: x.head.Seq, Hash: x.head.Hash}, before)
	if err != nil {
		return err
	}
	if err := put([]byte(headOpen), last, []byte(headClose)); err != nil {
		return err
	}
	errEnd := errors.New("end")
	err = access.WalkAudit(x.w.Box, 0, func(seq uint64, hash, line []byte) error {
		if seq > x.head.Seq {
			return errEnd
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return put([]byte(lineOpen), []byte(base64.StdEncoding.EncodeToString(hash)), []byte(lineMid), line, []byte(`}`))
	})
	if err != nil && !errors.Is(err, errEnd) {
		return err
	}
	return w.Flush()
}

// ErrNoExport says that a file is no export of an audit log.
var ErrNoExport = errors.New("this is no export of an audit log")

// Exported is what VerifyExport found. Nothing of it is known to be true unless there are no findings, and Box is what the
// file says of itself.
type Exported struct {
	Box         string
	Fingerprint string // of the key that signed it
	Public      ed25519.PublicKey
	Lines       uint64
	First, Last time.Time // of the lines
	Signed      time.Time // when the box signed the end
	Findings    []string
}

// longestExported is what a line of an export may have, in bytes.
const longestExported = 1 << 20

// VerifyExport checks an export, by nothing but itself: the lines against each other, and the end and what the box signed
// each hour against the key that it names. It reads once, with bounded memory for lines; of the signed heads it keeps some
// bytes each.
func VerifyExport(from io.Reader) (r Exported, err error) {
	in := bufio.NewScanner(from)
	in.Buffer(make([]byte, 64<<10), longestExported)
	var header exportHeader
	if !in.Scan() || json.Unmarshal(in.Bytes(), &header) != nil || header.Hearth != ExportKind {
		if errors.Is(in.Err(), bufio.ErrTooLong) || in.Err() == nil {
			return r, ErrNoExport
		}
		return r, in.Err()
	}
	if r.Public, err = signet.ParseSPKI(header.Key); err != nil {
		return r, fmt.Errorf("%w: %w", ErrNoExport, err)
	}
	r.Box, r.Fingerprint = header.Box, signet.Fingerprint(r.Public)
	more := 0
	found := func(problem string, _ bool) {
		if len(r.Findings) == maxFindings {
			more++
			return
		}
		r.Findings = append(r.Findings, problem)
	}
	var signed []access.Signed
	var chain *access.Chain
	var heads signet.Chained
	for in.Scan() {
		raw := in.Bytes()
		if chain == nil && bytes.HasPrefix(raw, []byte(headOpen)) && bytes.HasSuffix(raw, []byte(headClose)) {
			st, err := heads.Next(r.Public, raw[len(headOpen):len(raw)-len(headClose)])
			if err != nil {
				found(fmt.Sprintf("signed head %d: %v", len(signed)+1, err), false)
				continue
			}
			signed = append(signed, access.Signed{Head: access.Head{Seq: st.Seq, Hash: st.Hash}, Time: st.Time, Gap: st.Gap})
			r.Signed = st.Time
			continue
		}
		if chain == nil {
			chain = access.NewChain(signed, found)
		}
		seq, hash, line, err := exportedLine(raw)
		if err != nil {
			found(fmt.Sprintf("what follows line %d cannot be read: %v", r.Lines, err), false)
			continue
		}
		chain.Line(seq, hash, line)
		r.Lines++
		var e access.Entry
		if json.Unmarshal(line, &e) == nil {
			if r.First.IsZero() {
				r.First = e.Time
			}
			r.Last = e.Time
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		found(fmt.Sprintf("what follows line %d is too long to be one", r.Lines), false)
	} else if in.Err() != nil {
		return r, in.Err()
	}
	if chain == nil {
		chain = access.NewChain(signed, found)
	}
	last := chain.Last()
	chain.End()
	if n := len(signed); n == 0 {
		found("it has no signed end", false)
	} else if signed[n-1].Seq < last.Seq {
		found(fmt.Sprintf("lines after %d are not signed", signed[n-1].Seq), false)
	}
	if more > 0 {
		r.Findings = append(r.Findings, fmt.Sprintf("%d more like these", more))
	}
	return r, nil
}

func exportedLine(raw []byte) (seq uint64, hash, line []byte, err error) {
	rest, ok := bytes.CutPrefix(raw, []byte(lineOpen))
	text, rest, cut := bytes.Cut(rest, []byte(lineMid))
	if !ok || !cut || !bytes.HasSuffix(rest, []byte(`}`)) {
		return 0, nil, nil, errors.New("it is no line of the log")
	}
	line = rest[:len(rest)-1]
	if hash, err = base64.StdEncoding.Strict().DecodeString(string(text)); err != nil || len(hash) != sha256.Size {
		return 0, nil, nil, errors.New("it has no hash")
	}
	var e struct {
		Seq uint64 `json:"seq"`
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return 0, nil, nil, err
	}
	return e.Seq, hash, line, nil
}
