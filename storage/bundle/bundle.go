package bundle

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/export"
	"hearth/storage/segment"
	"hearth/storage/signet"
)

// Names in the archive, in their order. The second film is footage-2.mp4, and so on.
const (
	readmeName    = "README.txt"
	filmName      = "footage.mp4"
	manifestName  = "manifest.json"
	signatureName = "manifest.sig"
)

func filmNamed(i int) string {
	if i == 0 {
		return filmName
	}
	return fmt.Sprintf("footage-%d.mp4", i+1)
}

// Request says what is to be exported.
type Request struct {
	Camera   media.CameraID
	Name     string // of the camera
	Stream   media.Stream
	From, To time.Time
	Box      string // its name
	By       string // who asked for it
	Signet   *signet.Signet
	// Beneath says how many of the latest recordings Open leaves out where a time was recorded several times.
	Beneath int
	// Open gives footage of a span from the key frame at or before its begin on, each time anew.
	Open func(from, to time.Time) (export.Pieces, error)
	// Gaps are those that the timeline knows, for their reasons.
	Gaps []storage.Gap
}

// Of makes the request for what a grant allows of a store. beneath is that of storage.Store.Beneath.
func Of(s *storage.Store, g access.Grant, stream media.Stream, beneath int, from, to time.Time, by string) (Request, error) {
	camera, err := s.Box().Camera(g.Camera())
	if err != nil {
		return Request{}, err
	}
	name := "Hearth"
	if _, err := s.Box().Setting("name", &name); err != nil {
		return Request{}, err
	}
	line, err := s.Timeline(g, from, to)
	if err != nil {
		return Request{}, err
	}
	return Request{
		Camera: camera.ID, Name: camera.Name, Stream: stream, From: from, To: to, Box: name, By: by, Signet: s.Signet(), Gaps: line.Gaps,
		Beneath: beneath,
		Open:    func(from, to time.Time) (export.Pieces, error) { return s.Beneath(beneath, g, stream, from, to) },
	}, nil
}

// Bundle is a signed export that can be written: all of it is known but the pictures and what is computed of them.
type Bundle struct {
	signet   *signet.Signet
	manifest *Manifest
	films    []*export.Plan
	readme   []byte
	entries  []entry
	size     int64
}

// Report says what is in a bundle.
type Report struct {
	Contained   Span
	Films       []Film
	Gaps        []Gap
	Fingerprint string
	Bytes       int64 // of the archive
}

// Write makes a signed export of what is asked for. It reads the footage twice.
func Write(ctx context.Context, w io.Writer, r Request) (Report, error) {
	b, err := Prepare(ctx, r)
	if err != nil {
		return Report{}, err
	}
	return b.Report(), b.Write(ctx, w)
}

// Prepare reads the footage for the first time. The error is export.ErrNoFootage or one of storage.
func Prepare(ctx context.Context, r Request) (*Bundle, error) {
	films, err := export.Parts(ctx, r.Open, r.From, r.To, true)
	if err != nil {
		return nil, err
	}
	for _, f := range films {
		for _, s := range f.Sources() {
			if s.Header.Camera != r.Camera {
				return nil, fmt.Errorf("footage of %s for an export of %s: %w", s.Header.Camera, r.Camera, export.ErrMixed)
			}
		}
	}
	b := &Bundle{signet: r.Signet, films: films, manifest: &Manifest{
		Format: Format,
		Box:    Box{r.Box, signet.SPKI(r.Signet.Public()), r.Signet.Fingerprint()},
		Camera: Camera{r.Camera, r.Name, r.Stream.String()},
		Made:   Made{time.Now().UTC().Truncate(time.Second), r.By},
		Asked:  Span{r.From.UTC(), r.To.UTC()}, Beneath: r.Beneath,
		Gaps: []Gap{}, Steps: []Step{},
	}}
	m := b.manifest
	for i, f := range films {
		fr := f.Report()
		m.Films = append(m.Films, Film{
			File{Name: filmNamed(i), Bytes: f.Size()}, Span{fr.Start.UTC(), fr.End.UTC()}, fr.Pictures, fr.Sound,
		})
		for _, s := range f.Sources() {
			m.list(i, s)
		}
	}
	m.Runs = runsOf(m.Segments)
	for _, g := range gapsOf(m) {
		m.Gaps = append(m.Gaps, Gap{g, m.reason(g, r.Gaps)})
	}
	b.readme = readme(m)
	m.Readme = File{readmeName, int64(len(b.readme)), sha256.Sum256(b.readme)}

	raw, err := m.marshal() // as long as it will be: what is not known yet has always the same length
	if err != nil {
		return nil, err
	}
	b.entries = []entry{{readmeName, m.Readme.Bytes, crc32.ChecksumIEEE(b.readme)}}
	for i, f := range films {
		b.entries = append(b.entries, entry{m.Films[i].Name, f.Size(), f.CRC()})
	}
	b.entries = append(b.entries, entry{name: manifestName, size: int64(len(raw))}, entry{name: signatureName, size: signatureSize})
	b.size = archiveSize(b.entries)
	return b, nil
}

const signatureSize = 64

// list adds what a film was made of.
func (m *Manifest) list(film int, s export.Source) {
	if len(s.Records) == 0 {
		return
	}
	for _, n := range s.Notes {
		if n.Kind == segment.NoteClock {
			m.Steps = append(m.Steps, Step{Span{time.UnixMicro(n.From).UTC(), time.UnixMicro(n.To).UTC()}, n.Reason})
		}
	}
	out := Segment{Segment: s.Header.Segment, Header: s.Header.Append(nil), First: s.Records[0].Number}
	end := s.Records[len(s.Records)-1].Number + 1
	if k := len(m.Segments); k > 0 && m.Segments[k-1].Segment != out.Segment {
		// One file after the other: that nothing lies between them is seen when all records there are listed.
		out.First = 0
	}
	out.Before = segment.Chain(s.Header, s.Table[:out.First])
	chain := out.Before
	next := s.Records
	for i, e := range s.Table[out.First:end] {
		r := recordOf(out.First+i, e)
		if len(next) > 0 && next[0].Number == r.Number {
			r.Media = &Media{Film: film, Offset: next[0].Offset, Bytes: next[0].Bytes}
			next = next[1:]
		}
		out.Records = append(out.Records, r)
		chain = link(chain, r.Hash)
	}
	out.After = chain
	if k := len(m.Segments); k > 0 && m.Segments[k-1].Segment != out.Segment {
		m.Segments[k-1].extend(s.Header)
	}
	out.rest = s.Table[end:]
	m.Segments = append(m.Segments, out)
}

func recordOf(number int, e segment.Entry) Record {
	return Record{
		Number: number, Type: typeName(e.Type), Time: e.At(), DTS: e.DTS, Ticks: e.Duration, Key: e.Key, Hash: e.Hash,
	}
}

// extend lists the records up to where the next file goes on, if it does.
func (s *Segment) extend(next segment.Header) {
	chain, n := s.After, 0
	for ; n < len(s.rest) && chain != next.Prev; n++ {
		chain = link(chain, s.rest[n].Hash)
	}
	if chain != next.Prev {
		return // another file lies between them, or was cut off
	}
	number := s.First + len(s.Records)
	for i, e := range s.rest[:n] {
		s.Records = append(s.Records, recordOf(number+i, e))
	}
	s.After = chain
}

// link gives the chain's value behind one more record.
func link(chain, record Hash) Hash {
	return sha256.Sum256(append(append(make([]byte, 0, 64), chain[:]...), record[:]...))
}

// Report says what will be in the bundle.
func (b *Bundle) Report() Report {
	m := b.manifest
	return Report{Contained: m.Contained(), Films: m.Films, Gaps: m.Gaps, Fingerprint: m.Box.Fingerprint, Bytes: b.size}
}

// Size is the length of the archive in bytes.
func (b *Bundle) Size() int64 { return b.size }

// Write reads the footage for the second time and writes the archive. It may be called once. An error after the first
// byte leaves an archive that is cut off.
func (b *Bundle) Write(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	put := func(e entry, content []byte) error {
		_, err := out.Write(append(e.local(b.manifest.Made.At), content...))
		return err
	}
	if err := put(b.entries[0], b.readme); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	for i, f := range b.films {
		e := b.entries[1+i]
		if err := put(e, nil); err != nil {
			return fmt.Errorf("write the export: %w", err)
		}
		d := newDigest(out, b.manifest, i)
		if err := f.Write(ctx, d); err != nil {
			return err
		}
		if err := d.finish(); err != nil {
			return err
		}
		if d.crc != e.crc {
			return export.ErrChanged
		}
		b.manifest.Films[i].SHA256 = Hash(d.all.Sum(nil))
	}
	raw, err := b.manifest.marshal()
	if err != nil {
		return err
	}
	last := b.entries[len(b.entries)-2:]
	if int64(len(raw)) != last[0].size {
		return fmt.Errorf("write the export: the manifest has %d bytes and was to have %d", len(raw), last[0].size)
	}
	sig := b.signet.Sign(Format, raw)
	last[0].crc, last[1].crc = crc32.ChecksumIEEE(raw), crc32.ChecksumIEEE(sig)
	err = errors.Join(put(last[0], raw), put(last[1], sig))
	if err == nil {
		_, err = io.Copy(out, bytes.NewReader(directory(b.entries, b.manifest.Made.At)))
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}

// digest computes what is said about a film while it passes through.
type digest struct {
	to   io.Writer
	all  hash.Hash
	crc  uint32
	at   int64
	next []*Media // of this film, in their order
	part hash.Hash
}

func newDigest(to io.Writer, m *Manifest, film int) *digest {
	d := &digest{to: to, all: sha256.New(), part: sha256.New()}
	for i := range m.Segments {
		for _, r := range m.Segments[i].Records {
			if r.Media != nil && r.Media.Film == film {
				d.next = append(d.next, r.Media)
			}
		}
	}
	return d
}

// Write takes the next bytes of the film.
func (d *digest) Write(b []byte) (int, error) {
	if d.to != nil {
		if n, err := d.to.Write(b); err != nil {
			return n, err
		}
	}
	d.all.Write(b)
	d.crc = crc32.Update(d.crc, crc32.IEEETable, b)
	for rest := b; len(rest) > 0; {
		n := int64(len(rest))
		if len(d.next) > 0 {
			if m := d.next[0]; d.at < m.Offset {
				n = min(n, m.Offset-d.at)
			} else {
				n = min(n, m.Offset+m.Bytes-d.at)
				d.part.Write(rest[:n])
				if d.at+n == m.Offset+m.Bytes {
					d.part.Sum(m.SHA256[:0])
					d.part.Reset()
					d.next = d.next[1:]
				}
			}
		}
		rest, d.at = rest[n:], d.at+n
	}
	return len(b), nil
}

// finish says whether all records were there.
func (d *digest) finish() error {
	if len(d.next) > 0 {
		return export.ErrChanged
	}
	return nil
}
