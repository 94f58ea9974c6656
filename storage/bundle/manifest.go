package bundle

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
	"hearth/storage/signet"
)

// Format is what a manifest of this version calls itself, and what its signature is for.
const Format = "hearth export 1"

// Manifest is what the box signs: what is in a bundle, and of what it was made.
type Manifest struct {
	Format   string    `json:"format"`
	Box      Box       `json:"box"`
	Camera   Camera    `json:"camera"`
	Made     Made      `json:"made"`
	Asked    Span      `json:"asked"`
	Beneath  int       `json:"beneath,omitempty"` // so many of the latest recordings are left out where there are several
	Gaps     []Gap     `json:"gaps"`              // of what was asked for
	Runs     []Run     `json:"runs"`              // uninterrupted stretches, and whether the box knew the time when they began
	Steps    []Step    `json:"steps"`             // by which the box's clock was set meanwhile
	Readme   File      `json:"readme"`
	Films    []Film    `json:"films"`
	Segments []Segment `json:"segments"`
}

// Box is who signs.
type Box struct {
	Name        string `json:"name"`
	PublicKey   []byte `json:"public_key"` // Ed25519, SPKI
	Fingerprint string `json:"fingerprint"`
}

// Camera is whose footage it is.
type Camera struct {
	ID     media.CameraID `json:"id"`
	Name   string         `json:"name"`
	Stream string         `json:"stream"`
}

// Made is when and by whom a bundle was made.
type Made struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// Span is a stretch of time, UTC.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Gap is a stretch without footage, and why.
type Gap struct {
	Span
	Reason string `json:"reason"`
}

// Run is an uninterrupted stretch of a stream.
type Run struct {
	Run     media.UUID `json:"run"`
	From    time.Time  `json:"from"` // of its first record that is listed
	Trusted bool       `json:"clock_trusted"`
}

// Step says that the box's clock was set.
type Step struct {
	Span
	Reason string `json:"reason,omitempty"`
}

// File is a file of the bundle.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 Hash   `json:"sha256"`
}

// Film is one of the MP4 files.
type Film struct {
	File
	Span
	Pictures int  `json:"pictures"`
	Sound    bool `json:"sound"`
}

// Segment is a stretch of consecutive records of one of the box's files.
type Segment struct {
	Segment media.UUID `json:"segment"`
	Header  []byte     `json:"header"` // 160 bytes: see footage-format.md
	First   int        `json:"first"`  // number of the first record listed
	Before  Hash       `json:"before"` // the chain before that
	After   Hash       `json:"after"`  // and behind the last
	Records []Record   `json:"records"`

	rest []segment.Entry // behind the last record listed; only while a bundle is made
}

// Record is one record of a segment.
type Record struct {
	Number int       `json:"n"`
	Type   string    `json:"type"`
	Time   time.Time `json:"time"`
	DTS    int64     `json:"dts"`   // ticks of 1/90000 s since the run's start
	Ticks  uint32    `json:"ticks"` // its duration
	Key    bool      `json:"key,omitempty"`
	Hash   Hash      `json:"hash"` // of the record as it is sealed on the box's disk
	Media  *Media    `json:"media,omitempty"`
}

// Media is where a record's pictures and sound lie in a film, and what they are.
type Media struct {
	Film   int   `json:"film"` // from 0
	Offset int64 `json:"offset"`
	Bytes  int64 `json:"bytes"`
	SHA256 Hash  `json:"sha256"`
}

// End is when the record ends by the box's clock.
func (r Record) End() time.Time { return r.Time.Add(time.Duration(r.Ticks) * time.Second / 90000) }

// Contained is the span of what is in the films.
func (m *Manifest) Contained() Span {
	if len(m.Films) == 0 {
		return Span{}
	}
	return Span{m.Films[0].From, m.Films[len(m.Films)-1].To}
}

// Hash is a SHA-256, in JSON as 64 hexadecimal digits.
type Hash [32]byte

// MarshalText gives the digits.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads them.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) != hex.EncodedLen(len(h)) {
		return errors.New("not a SHA-256")
	}
	_, err := hex.Decode(h[:], b)
	return err
}

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

var typeNames = map[segment.Type]string{
	segment.InitRecord: "init", segment.FragRecord: "media", segment.NoteRecord: "note", segment.CheckRecord: "checkpoint",
}

// typeName names a type of record.
func typeName(t segment.Type) string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("type %d", t)
}

// marshal makes the bytes that are signed: JSON that people can read, a line for each record.
func (m *Manifest) marshal() ([]byte, error) {
	head := *m
	head.Segments = nil
	out, err := json.MarshalIndent(head, "", "  ")
	if err != nil {
		return nil, err
	}
	const empty = "null\n}"
	out = append(bytes.TrimSuffix(out, []byte(empty)), '[')
	for i, s := range m.Segments {
		records := s.Records
		s.Records = nil
		line, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		out = append(out, separator(i)+"\n    "...)
		out = append(append(out, bytes.TrimSuffix(line, []byte("null}"))...), '[')
		for j := range records {
			if line, err = json.Marshal(&records[j]); err != nil {
				return nil, err
			}
			out = append(append(out, separator(j)+"\n      "...), line...)
		}
		out = append(out, "]}"...)
	}
	return append(out, "]\n}\n"...), nil
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// parseManifest reads a manifest and its key. What this version does not know it refuses.
func parseManifest(raw []byte) (*Manifest, ed25519.PublicKey, error) {
	var version struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return nil, nil, fmt.Errorf("%w: the manifest: %w", ErrNoBundle, err)
	}
	if version.Format != Format {
		return nil, nil, fmt.Errorf("the bundle is of the format %.40q, and this version of Hearth knows %q", version.Format, Format)
	}
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, nil, fmt.Errorf("%w: the manifest: %w", ErrNoBundle, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("%w: something lies behind the manifest", ErrNoBundle)
	}
	public, err := signet.ParseSPKI(m.Box.PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNoBundle, err)
	}
	return m, public, nil
}
