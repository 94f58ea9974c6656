package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"hearth/storage/segment"
	"hearth/storage/signet"
)

// What is read into memory at once. A day of a camera has a manifest of about 30 MB.
const (
	maxManifest = 1 << 30
	maxReadme   = 1 << 20
)

// Verify checks a bundle: that the box whose key it names signed it as it is, and that what the box says holds together.
// An error is of the reading, or says that it is no bundle that can be read; everything else is in the result.
func Verify(r io.ReaderAt, size int64) (Result, error) {
	var res Result
	entries, err := readDirectory(r, size)
	if err != nil {
		return res, err
	}
	if err := named(entries); err != nil {
		return res, err
	}
	v := &verifier{r: r, entries: entries, res: &res}
	v.starts, v.dir = offsets(entries)
	n := len(entries)
	raw, err := v.content(n-2, maxManifest)
	if err != nil {
		return res, err
	}
	sig, err := v.content(n-1, signatureSize)
	if err != nil {
		return res, err
	}
	m, public, err := parseManifest(raw)
	if err != nil {
		return res, err
	}
	res.Manifest, res.Fingerprint = m, signet.Fingerprint(public)
	if err := signet.Verify(public, Format, raw, sig); err != nil {
		res.found("The signature is not right: the manifest was changed after the box signed it, or was never signed. Nothing in it can be relied on.")
	}
	v.manifest(public)
	if err := v.files(); err != nil {
		return res, err
	}
	v.chains()
	v.gaps()
	return res, v.archive()
}

// VerifyBy is Verify, and insists on the key of a fingerprint.
func VerifyBy(r io.ReaderAt, size int64, fingerprint string) (Result, error) {
	res, err := Verify(r, size)
	if err != nil {
		return res, err
	}
	public, err := signet.ParseSPKI(res.Manifest.Box.PublicKey)
	if err != nil || !signet.SameFingerprint(public, fingerprint) {
		res.found("It was signed with the key %s and not with %s: another box made it, or somebody who wants it to look so.",
			res.Fingerprint, fingerprint)
	}
	return res, nil
}

// named says whether an archive has the entries of a bundle in their order.
func named(entries []entry) error {
	n := len(entries)
	ok := n >= 4 && entries[0].name == readmeName && entries[n-2].name == manifestName && entries[n-1].name == signatureName &&
		entries[n-1].size == signatureSize
	for i := 1; ok && i < n-2; i++ {
		ok = entries[i].name == filmNamed(i-1)
	}
	if !ok {
		return fmt.Errorf("%w: it has not the files of one", ErrNoBundle)
	}
	return nil
}

// verifier is one bundle being verified.
type verifier struct {
	r       io.ReaderAt
	entries []entry
	starts  []int64
	dir     int64 // where the directory begins
	res     *Result
}

// section gives an entry's content.
func (v *verifier) section(i int) *io.SectionReader {
	e := v.entries[i]
	return io.NewSectionReader(v.r, v.starts[i]+int64(len(e.local(time.Time{}))), e.size)
}

func (v *verifier) content(i int, most int64) ([]byte, error) {
	e := v.entries[i]
	if e.size > most {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrNoBundle, e.name, e.size)
	}
	raw, err := io.ReadAll(v.section(i))
	if err == nil && int64(len(raw)) != e.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", e.name, err)
	}
	v.checksum(i, crc32.ChecksumIEEE(raw))
	return raw, nil
}

// checksum compares an entry's checksum with that of its content.
func (v *verifier) checksum(i int, crc uint32) {
	if v.entries[i].crc != crc {
		v.res.found("The archive's checksum of %s is not right: the archive is damaged, or was changed.", v.entries[i].name)
	}
}

// manifest checks what the manifest says by itself.
func (v *verifier) manifest(public ed25519.PublicKey) {
	m, res := v.res.Manifest, v.res
	if m.Box.Fingerprint != signet.Fingerprint(public) {
		res.found("The manifest names another fingerprint (%.60q) than that of its key.", m.Box.Fingerprint)
	}
	if len(m.Films) != len(v.entries)-3 || m.Readme.Name != readmeName {
		res.found("The archive has other files than the manifest says.")
	}
	for i, f := range m.Films {
		if f.Name != filmNamed(i) {
			res.found("The manifest names a film %.60q.", f.Name)
		}
	}
	runs := runsOf(m.Segments)
	same := len(runs) == len(m.Runs)
	for i := range runs {
		same = same && runs[i].Run == m.Runs[i].Run && runs[i].Trusted == m.Runs[i].Trusted && runs[i].From.Equal(m.Runs[i].From)
	}
	if !same {
		res.found("What the manifest says of the clock is not what the headers of the recordings say.")
	}
	for _, r := range m.Runs {
		if !r.Trusted {
			res.note("The box did not know the time for sure when the recording of %s began.", stamp(r.From))
		}
	}
	if m.Beneath > 0 {
		res.note("Where a time was recorded several times, the latest %d recordings are left out.", m.Beneath)
	}
	for _, s := range m.Steps {
		res.note("The box's clock was set from %s to %s.", stamp(s.From), stamp(s.To))
	}
}

// files checks the letter and the films.
func (v *verifier) files() error {
	m, res := v.res.Manifest, v.res
	letter, err := v.content(0, maxReadme)
	if err != nil {
		return err
	}
	if m.Readme.Bytes != int64(len(letter)) || m.Readme.SHA256 != sha256.Sum256(letter) {
		res.found("%s was changed.", readmeName)
	}
	for i := range min(len(m.Films), len(v.entries)-3) {
		if err := v.film(i); err != nil {
			return err
		}
	}
	return nil
}

// film checks one film: its bytes, record by record, and that it plays them in their order.
func (v *verifier) film(i int) error {
	m, res := v.res.Manifest, v.res
	f := m.Films[i]
	content := v.section(i + 1)
	// What the records are to be is put aside, and what they are computed in its place.
	records := m.of(i)
	head, ok := inOrder(records, content.Size())
	if !ok || f.Bytes != content.Size() {
		res.found("The manifest does not account for every byte of %s.", f.Name)
	}
	said := make([]Hash, len(records))
	for j, r := range records {
		said[j] = r.Media.SHA256
	}
	d := newDigest(nil, m, i)
	if !ok {
		d.next = nil
	}
	_, err := io.Copy(d, content)
	is := make([]Hash, len(records))
	for j, r := range records {
		is[j], r.Media.SHA256 = r.Media.SHA256, said[j]
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Name, err)
	}
	v.checksum(i+1, d.crc)
	changed := false
	for j, r := range records {
		if is[j] != said[j] {
			changed = true
			res.foundAt(r.Time, r.End(), fmt.Sprintf("The pictures or the sound in %s were changed.", f.Name))
		}
	}
	if f.SHA256 != Hash(d.all.Sum(nil)) {
		if !changed {
			res.found("%s was changed: not its pictures, but what says in which order and at which times they are shown.", f.Name)
		} else {
			res.found("%s is not the film that was signed.", f.Name)
		}
	}
	if !ok {
		return nil
	}
	raw := make([]byte, min(head, maxHead))
	if _, err := content.ReadAt(raw, 0); err != nil {
		return fmt.Errorf("read %s: %w", f.Name, err)
	}
	if text := plays(raw, content.Size(), records); text != "" {
		res.found("%s does not show what was recorded as it was: %s.", f.Name, text)
	}
	return nil
}

// placed is a record of a film, with the run that it is of.
type placed struct {
	*Record
	run [16]byte
}

// of gives the records of a film in the order of the manifest.
func (m *Manifest) of(film int) (list []placed) {
	for i := range m.Segments {
		var run [16]byte
		if h, err := segment.ParseHeader(m.Segments[i].Header); err == nil {
			run = h.Run
		}
		for j := range m.Segments[i].Records {
			if r := &m.Segments[i].Records[j]; r.Media != nil && r.Media.Film == film {
				list = append(list, placed{r, run})
			}
		}
	}
	return list
}

// inOrder says whether records lie one behind the other up to the end of a film, and how long its head is.
func inOrder(records []placed, size int64) (head int64, ok bool) {
	if len(records) == 0 {
		return 0, false
	}
	head = records[0].Media.Offset
	at := head
	for _, r := range records {
		if r.Media.Offset != at || r.Media.Bytes <= 0 || r.Media.Bytes > size {
			return head, false
		}
		at += r.Media.Bytes
	}
	return head, head > 0 && at == size
}

// chains checks that the records listed follow one another.
func (v *verifier) chains() {
	m, res := v.res.Manifest, v.res
	if len(m.Segments) == 0 {
		res.found("The manifest lists no recordings.")
	}
	var before *Segment
	for i := range m.Segments {
		s := &m.Segments[i]
		h, err := segment.ParseHeader(s.Header)
		if err != nil || h.Segment != s.Segment {
			res.found("The header of recording %s cannot be read.", s.Segment)
			before = nil
			continue
		}
		if h.Camera != m.Camera.ID || h.Stream.String() != m.Camera.Stream {
			res.found("Recording %s is of another camera: %s, %s stream.", s.Segment, h.Camera, h.Stream)
		}
		v.records(s, h)
		if len(s.Records) == 0 {
			before = nil
			continue
		}
		if before != nil && before.Segment != s.Segment && before.After != Hash(h.Prev) {
			last := before.Records[len(before.Records)-1]
			res.note("Between %s and %s the chain of recordings is not closed: what lay there was let go of, or lost when the power failed.",
				stamp(last.End()), stamp(s.Records[0].Time))
		}
		before = s
	}
}

// records checks one segment.
func (v *verifier) records(s *Segment, h segment.Header) {
	res := v.res
	if len(s.Records) == 0 {
		res.found("Of recording %s no records are listed.", s.Segment)
		return
	}
	if s.First == 0 && s.Before != Hash(h.Hash()) {
		res.found("The chain of recording %s does not begin with its header.", s.Segment)
	}
	chain := s.Before
	missing := 0
	for i, r := range s.Records {
		if r.Number != s.First+i {
			res.foundAt(r.Time, r.End(), "Records before this are missing from the manifest.")
			return
		}
		if r.Media != nil && (r.Type != typeName(segment.FragRecord) || r.Media.Film < 0 || r.Media.Film >= len(res.Manifest.Films)) {
			res.foundAt(r.Time, r.End(), "The manifest says that there are pictures where there cannot be any.")
		}
		if r.Media == nil && r.Type == typeName(segment.FragRecord) && !r.Time.Before(res.Manifest.Asked.From) && r.Time.Before(res.Manifest.Asked.To) {
			missing++
		}
		chain = link(chain, r.Hash)
	}
	if chain != s.After {
		res.foundAt(s.Records[0].Time, s.Records[len(s.Records)-1].End(), "The chain of the recording does not hold: records were changed, taken out or put in.")
	}
	if missing > 0 {
		res.note("Of the recording from %s on, %d pieces are not in the film: they were let go of, were damaged, could not be shown without one of those, or another recording of the same time is shown.",
			stamp(s.Records[0].Time), missing)
	}
}

// gaps works out again what is missing, and compares it with what the manifest says.
func (v *verifier) gaps() {
	m, res := v.res.Manifest, v.res
	is := gapsOf(m)
	if len(is) != len(m.Gaps) {
		res.found("The manifest names %d gaps, and there are %d.", len(m.Gaps), len(is))
		return
	}
	for i, g := range is {
		if !g.From.Equal(m.Gaps[i].From) || !g.To.Equal(m.Gaps[i].To) {
			res.foundAt(g.From, g.To, "There is a gap that the manifest says is elsewhere.")
		}
	}
}

// archive compares all that is the archive's own: it follows from the entries.
func (v *verifier) archive() error {
	made := v.res.Manifest.Made.At
	same := func(at int64, want []byte) (bool, error) {
		is := make([]byte, len(want))
		if _, err := v.r.ReadAt(is, at); err != nil {
			return false, err
		}
		return bytes.Equal(is, want), nil
	}
	ok, err := same(v.dir, directory(v.entries, made))
	for i, e := range v.entries {
		if err != nil {
			break
		}
		var one bool
		one, err = same(v.starts[i], e.local(made))
		ok = ok && one
	}
	if err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	if !ok {
		v.res.found("The archive around the files was changed, or packed anew.")
	}
	return nil
}
