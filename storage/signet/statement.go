package signet

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// HeadsPurpose is what statements are signed for.
const HeadsPurpose = "hearth heads 1"

var (
	// ErrStatement says that a line is no statement, was changed, or is not the one that its successor names.
	ErrStatement = errors.New("the statement is not as it was signed")
	// ErrStranger says that a statement was signed by another key.
	ErrStranger = errors.New("another box signed the statement")
	// ErrHead says that footage is not what the box signed.
	ErrHead = errors.New("the footage is not what the box signed")
)

// Head is how far a line had come: its newest file, and the chain behind its first Records records.
type Head struct {
	Line    segment.Line
	Start   int64 // microseconds, of the file
	Segment media.UUID
	Records int
	Hash    [32]byte
}

// Statement is what the box signs: how far every line of a volume had come at a moment.
type Statement struct {
	Time   time.Time // by the box's clock
	Volume media.UUID
	Heads  []Head
}

// headLine is a Head as JSON.
type headLine struct {
	Camera  media.CameraID `json:"camera"`
	Stream  string         `json:"stream"`
	Start   int64          `json:"start"`
	Segment media.UUID     `json:"segment"`
	Records int            `json:"records"`
	Hash    []byte         `json:"hash"`
}

// body is a line without its signature.
type body struct {
	Time   time.Time  `json:"time"`
	Volume media.UUID `json:"volume"`
	Key    string     `json:"key"` // fingerprint of the one that signs
	Before []byte     `json:"before"`
	Heads  []headLine `json:"heads"`
}

// The signature is the line's last member, of always the same length: what stands before it is what is signed.
const sigHead, sigTail = `,"signature":"`, `"}`

var sigSize = len(sigHead) + base64.StdEncoding.EncodedLen(ed25519.SignatureSize) + len(sigTail)

const packName = "pack"

func streamName(s media.Stream) string {
	if s == segment.Pack {
		return packName
	}
	return s.String()
}

func parseStream(s string) (media.Stream, error) {
	if s == packName {
		return segment.Pack, nil
	}
	return media.ParseStream(s)
}

// line makes a statement's line, without a line feed. before is the hash of the line before.
func (s *Signet) line(st Statement, before [32]byte) ([]byte, error) {
	b := body{Time: st.Time.UTC(), Volume: st.Volume, Key: s.Fingerprint(), Before: before[:], Heads: make([]headLine, len(st.Heads))}
	for i, h := range st.Heads {
		b.Heads[i] = headLine{h.Line.Camera, streamName(h.Line.Stream), h.Start, h.Segment, h.Records, h.Hash[:]}
	}
	raw, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	sig := base64.StdEncoding.EncodeToString(s.Sign(HeadsPurpose, raw))
	return append(raw[:len(raw)-1:len(raw)-1], sigHead+sig+sigTail...), nil
}

// unsigned takes a line apart: what was signed, and the signature.
func unsigned(line []byte) (raw, sig []byte, err error) {
	at := len(line) - sigSize
	if at < 1 || !bytes.HasPrefix(line[at:], []byte(sigHead)) || !bytes.HasSuffix(line, []byte(sigTail)) {
		return nil, nil, fmt.Errorf("%w: it does not end in a signature", ErrStatement)
	}
	sig, err = base64.StdEncoding.Strict().DecodeString(string(line[at+len(sigHead) : len(line)-len(sigTail)]))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	return append(bytes.Clone(line[:at]), '}'), sig, nil
}

// parse reads a line and checks its signature. before is the hash of the line before that it names.
func parse(public ed25519.PublicKey, line []byte) (st Statement, before [32]byte, err error) {
	raw, sig, err := unsigned(line)
	if err != nil {
		return st, before, err
	}
	var b body
	if err := json.Unmarshal(raw, &b); err != nil {
		return st, before, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	if err := Verify(public, HeadsPurpose, raw, sig); err != nil {
		if b.Key != Fingerprint(public) {
			return st, before, fmt.Errorf("%w: it names the key %.64q", ErrStranger, b.Key)
		}
		return st, before, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	st = Statement{Time: b.Time, Volume: b.Volume, Heads: make([]Head, len(b.Heads))}
	if len(b.Before) != sha256.Size {
		return st, before, fmt.Errorf("%w: it does not say what it follows", ErrStatement)
	}
	for i, h := range b.Heads {
		stream, err := parseStream(h.Stream)
		if err != nil || len(h.Hash) != sha256.Size || h.Records < 0 {
			return st, before, fmt.Errorf("%w: head %d", ErrStatement, i)
		}
		st.Heads[i] = Head{segment.Line{Camera: h.Camera, Stream: stream}, h.Start, h.Segment, h.Records, [32]byte(h.Hash)}
	}
	return st, [32]byte(b.Before), nil
}

// Holds says whether a file, by its header and its table, still is what was signed; ErrHead with what is not.
func (h Head) Holds(header segment.Header, table []segment.Entry) error {
	at := time.UnixMicro(h.Start).UTC().Format(time.RFC3339)
	switch {
	case header.Segment != h.Segment:
		return fmt.Errorf("%w: of %s at %s there is another file", ErrHead, h.Line, at)
	case len(table) < h.Records:
		return fmt.Errorf("%w: %s at %s had %d records and has %d", ErrHead, h.Line, at, h.Records, len(table))
	case segment.Chain(header, table[:h.Records]) != h.Hash:
		return fmt.Errorf("%w: the first %d records of %s at %s were changed", ErrHead, h.Records, h.Line, at)
	}
	return nil
}
