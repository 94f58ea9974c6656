package bundle

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/box"
	"hearth/storage/export"
	"hearth/storage/keyring"
	"hearth/storage/signet"
)

func checksumOf(b []byte) uint32 { return crc32.ChecksumIEEE(b) }

// TestRoundTrip: what the box makes, anybody can verify, and reads what is in it.
func TestRoundTrip(t *testing.T) {
	r := newRig(t)
	r.record(r.id, run{0, 6, 160, 5, false, "the camera went away"}, run{10 * time.Second, 4, 160, 5, true, ""}, run{14 * time.Second, 4, 320, 5, false, ""})
	raw := r.bundle(r.id, time.Second, 17*time.Second)
	res := verified(t, raw)
	if len(res.Findings) > 0 {
		t.Fatalf("%v", res.Findings)
	}
	m := res.Manifest
	at := func(d time.Duration) time.Time { return start.Add(d) }
	if res.Fingerprint != r.s.Signet().Fingerprint() || m.Camera != (Camera{r.id, "Front door", "main"}) || m.Made.By != "Ada" || m.Box.Name != "Hearth" {
		t.Errorf("%+v %+v", m.Camera, m.Box)
	}
	if len(m.Films) != 2 || m.Films[1].Name != "footage-2.mp4" || m.Films[0].Pictures != 50 || m.Films[1].Pictures != 15 {
		t.Errorf("films %+v", m.Films)
	}
	if c := m.Contained(); !c.From.Equal(at(time.Second)) || !c.To.Equal(at(17*time.Second)) {
		t.Errorf("contained %+v", c)
	}
	if len(m.Gaps) != 1 || !m.Gaps[0].From.Equal(at(6*time.Second)) || !m.Gaps[0].To.Equal(at(10*time.Second)) || m.Gaps[0].Reason != "the camera went away" {
		t.Errorf("gaps %+v", m.Gaps)
	}
	if len(m.Runs) != 3 || !m.Runs[0].Trusted || m.Runs[1].Trusted || len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "did not know the time") {
		t.Errorf("runs %+v, notes %q", m.Runs, res.Notes)
	}
	// One file after the other, with nothing in between.
	if len(m.Segments) != 3 || m.Segments[1].First != 0 || m.Segments[2].First != 0 {
		t.Fatalf("%d segments", len(m.Segments))
	}
	for i, s := range m.Segments {
		seconds := 0
		for _, rec := range s.Records {
			if rec.Media != nil {
				seconds++
			}
		}
		if want := []int{6, 4, 3}[i]; seconds != want {
			t.Errorf("segment %d: %d records of pictures, want %d", i, seconds, want)
		}
	}
	letter := string(readme(m))
	for _, word := range []string{"Front door", m.Box.Fingerprint, "the camera went away", "footage-2.mp4", "2026-03-14 15:09:27.500", "did not know the time"} {
		if !strings.Contains(letter, word) {
			t.Errorf("the letter does not say %q", word)
		}
	}
	if res, err := VerifyBy(bytes.NewReader(raw), int64(len(raw)), strings.ToUpper(m.Box.Fingerprint)); err != nil || len(res.Findings) > 0 {
		t.Errorf("%v %v", err, res.Findings)
	}
	if res, _ := VerifyBy(bytes.NewReader(raw), int64(len(raw)), "0000"); len(res.Findings) != 1 {
		t.Errorf("another key: %v", res.Findings)
	}
}

// small is a bundle as small as can be, of two runs.
func small(t testing.TB) (*rig, []byte) {
	t.Helper()
	r := newRig(t)
	r.record(r.id, run{0, 2, 32, 1, false, "for the test"}, run{3 * time.Second, 1, 32, 1, false, ""})
	return r, r.bundle(r.id, 0, 4*time.Second)
}

// TestEveryByte: whatever single byte is changed, it is found.
func TestEveryByte(t *testing.T) {
	_, raw := small(t)
	if res := verified(t, raw); len(res.Findings) > 0 {
		t.Fatal(res.Findings)
	}
	for i := range raw {
		raw[i] ^= 1 << (i % 8)
		if res, err := Verify(bytes.NewReader(raw), int64(len(raw))); err == nil && len(res.Findings) == 0 {
			t.Errorf("byte %d of %d is free", i, len(raw))
		}
		raw[i] ^= 1 << (i % 8)
	}
	for _, cut := range [][]byte{raw[:len(raw)-1], raw[:len(raw)/2], raw[1:], nil, append(bytes.Clone(raw), 0), append([]byte{0}, raw...)} {
		if res, err := Verify(bytes.NewReader(cut), int64(len(cut))); err == nil && len(res.Findings) == 0 {
			t.Errorf("%d of %d bytes, and nothing is found", len(cut), len(raw))
		}
	}
}

// TestWhichSecond: when a picture is changed, the finding says which second.
func TestWhichSecond(t *testing.T) {
	r := newRig(t)
	r.record(r.id, run{0, 6, 160, 5, false, ""})
	raw := r.bundle(r.id, 0, 6*time.Second)
	names, files := contents(t, raw)
	m := verified(t, raw).Manifest
	for _, rec := range m.Segments[0].Records {
		if rec.Media == nil {
			continue
		}
		film := bytes.Clone(files[filmName])
		film[rec.Media.Offset+rec.Media.Bytes/2] ^= 1
		changed := map[string][]byte{readmeName: files[readmeName], filmName: film, manifestName: files[manifestName], signatureName: files[signatureName]}
		res := verified(t, packed(t, names, changed))
		if len(res.Findings) != 2 || !res.Findings[0].From.Equal(rec.Time) || !res.Findings[0].To.Equal(rec.End()) {
			t.Errorf("%s: %v", stamp(rec.Time), res.Findings)
		}
	}
}

// otherBox makes the key of another box.
func otherBox(t testing.TB) *signet.Signet {
	t.Helper()
	dir := t.TempDir()
	b, err := box.Open(filepath.Join(dir, "hearth.db"))
	must(t, err)
	t.Cleanup(func() { must(t, b.Close()) })
	k, err := keyring.Open(dir, b)
	must(t, err)
	s, err := signet.Open(b, k)
	must(t, err)
	return s
}

// TestOtherSigner: somebody else's signature under the box's name fails; under their own it is told apart by the key.
func TestOtherSigner(t *testing.T) {
	r, raw := small(t)
	eve := otherBox(t)
	if res := verified(t, resigned(t, eve, raw, func(*Manifest, map[string][]byte) {})); len(res.Findings) == 0 {
		t.Error("another key's signature is taken for the box's")
	}
	own := resigned(t, eve, raw, func(m *Manifest, files map[string][]byte) {
		m.Box.PublicKey, m.Box.Fingerprint = signet.SPKI(eve.Public()), eve.Fingerprint()
		files[readmeName] = readme(m)
		m.Readme = fileOf(readmeName, files[readmeName])
	})
	res := verified(t, own)
	if len(res.Findings) > 0 || res.Fingerprint != eve.Fingerprint() {
		t.Errorf("%v, key %s", res.Findings, res.Fingerprint)
	}
	if res, err := VerifyBy(bytes.NewReader(own), int64(len(own)), r.s.Signet().Fingerprint()); err != nil || len(res.Findings) != 1 {
		t.Errorf("%v %v", err, res.Findings)
	}
}

func fileOf(name string, b []byte) File { return File{name, int64(len(b)), sum(b)} }

// swap changes two stretches of a film that are equally long.
func swap(b []byte, i, j, n int) {
	x := bytes.Clone(b[i : i+n])
	copy(b[i:], b[j:j+n])
	copy(b[j:], x)
}

// TestLyingBox: also what the box's own key signed has to hold together.
func TestLyingBox(t *testing.T) {
	r := newRig(t)
	other := r.camera("Nursery")
	runs := []run{{0, 4, 160, 5, false, "for the test"}, {6 * time.Second, 4, 160, 5, false, ""}}
	r.record(r.id, runs...)
	r.record(other, runs...)
	raw, nursery := r.bundle(r.id, 0, 10*time.Second), r.bundle(other, 0, 10*time.Second)
	me := r.s.Signet()
	if res := verified(t, resigned(t, me, raw, func(*Manifest, map[string][]byte) {})); len(res.Findings) > 0 {
		t.Fatalf("signed again as it was: %v", res.Findings)
	}
	theirs := verified(t, nursery).Manifest
	film := func(change func(film []byte, m *Manifest)) func(*Manifest, map[string][]byte) {
		return func(m *Manifest, files map[string][]byte) {
			change(files[filmName], m)
			m.Films[0].File = fileOf(filmName, files[filmName])
		}
	}
	box := func(b []byte, kind string) int { return bytes.Index(b, []byte(kind)) + 4 }
	for name, c := range map[string]struct {
		change func(*Manifest, map[string][]byte)
		want   string
	}{
		"plays in another order": {film(func(b []byte, _ *Manifest) { at := box(b, "co64") + 8; swap(b, at+8, at+16, 8) }), "another order"},
		"plays one twice": {film(func(b []byte, _ *Manifest) {
			at := box(b, "co64") + 8
			copy(b[at+16:at+24], b[at+8:at+16])
		}), "twice"},
		"plays at another time": {film(func(b []byte, _ *Manifest) {
			at := box(b, "stts") + 8
			ticks := binary.BigEndian.Uint32(b[at+4:])
			binary.BigEndian.PutUint32(b[at+4:], ticks*2)
		}), "at another time"},
		"an index that cannot be read": {film(func(b []byte, _ *Manifest) { copy(b[box(b, "co64")-4:], "free") }), "co64"},
		"an index that cuts samples elsewhere": {film(func(b []byte, _ *Manifest) {
			at := box(b, "stsz") + 12
			for i := range 5 { // all of the first record
				binary.BigEndian.PutUint32(b[at+4*i:], binary.BigEndian.Uint32(b[at+4*i:])+1)
			}
		}), "elsewhere than the manifest"},
		"two records changed round": {film(func(b []byte, m *Manifest) {
			rec := m.Segments[0].Records
			i := slices.IndexFunc(rec, func(r Record) bool { return r.Media != nil })
			rec[i].Media, rec[i+1].Media = rec[i+1].Media, rec[i].Media
		}), "account for every byte"},
		"a record left out": {func(m *Manifest, _ map[string][]byte) {
			s := &m.Segments[0]
			s.Records = slices.Delete(s.Records, 1, 2)
		}, "are missing"},
		"a record left out and the others numbered anew": {func(m *Manifest, _ map[string][]byte) {
			s := &m.Segments[0]
			s.Records = slices.Delete(s.Records, 1, 2)
			for i := range s.Records {
				s.Records[i].Number = s.First + i
			}
		}, "chain of the recording does not hold"},
		"the end of a file left out": {func(m *Manifest, _ map[string][]byte) {
			s := &m.Segments[0]
			s.Records = s.Records[:len(s.Records)-1]
		}, "chain of the recording does not hold"},
		"another hash": {func(m *Manifest, _ map[string][]byte) { m.Segments[0].Records[0].Hash[3] ^= 1 }, "chain of the recording does not hold"},
		"another camera's recordings": {func(m *Manifest, _ map[string][]byte) {
			for i := range m.Segments {
				m.Segments[i].Header = theirs.Segments[i].Header
				m.Segments[i].Segment = theirs.Segments[i].Segment
			}
		}, "of another camera"},
		"another camera's name on it":  {func(m *Manifest, _ map[string][]byte) { m.Camera.ID = other }, "of another camera"},
		"another stream":               {func(m *Manifest, _ map[string][]byte) { m.Camera.Stream = "sub" }, "of another camera"},
		"a header that is none":        {func(m *Manifest, _ map[string][]byte) { m.Segments[0].Header[20] ^= 1 }, "cannot be read"},
		"a clock that was not trusted": {func(m *Manifest, _ map[string][]byte) { m.Runs[0].Trusted = false }, "of the clock"},
		"a gap not named":              {func(m *Manifest, _ map[string][]byte) { m.Gaps = []Gap{} }, "there are 1"},
		"a gap elsewhere":              {func(m *Manifest, _ map[string][]byte) { m.Gaps[0].To = m.Gaps[0].To.Add(time.Second) }, "elsewhere"},
		"another letter":               {func(_ *Manifest, f map[string][]byte) { f[readmeName] = []byte("Believe me.") }, "README.txt was changed"},
		"another fingerprint named":    {func(m *Manifest, _ map[string][]byte) { m.Box.Fingerprint = "0000" }, "fingerprint"},
		"pictures where a note is": {func(m *Manifest, _ map[string][]byte) {
			for _, s := range m.Segments {
				for i := range s.Records {
					if s.Records[i].Media != nil {
						s.Records[i].Type = "note"
					}
				}
			}
		}, "where there cannot be any"},
		"nothing listed":      {func(m *Manifest, _ map[string][]byte) { m.Segments = []Segment{} }, "lists no recordings"},
		"no records":          {func(m *Manifest, _ map[string][]byte) { m.Segments[1].Records = []Record{} }, "no records are listed"},
		"a film more":         {func(m *Manifest, _ map[string][]byte) { m.Films = append(m.Films, m.Films[0]) }, "other files"},
		"ranges that overlap": {func(m *Manifest, _ map[string][]byte) { m.Segments[0].Records[3].Media.Bytes += 1 << 40 }, "account for every byte"},
		"ranges before the film": {func(m *Manifest, _ map[string][]byte) {
			for _, rec := range m.Segments[0].Records {
				if rec.Media != nil {
					rec.Media.Offset = -5
				}
			}
		}, "account for every byte"},
		"the chain begins elsewhere": {func(m *Manifest, _ map[string][]byte) {
			s := &m.Segments[1]
			s.Before[0] ^= 1
			s.After = s.Before
			for _, rec := range s.Records {
				s.After = link(s.After, rec.Hash)
			}
		}, "does not begin with its header"},
	} {
		t.Run(name, func(t *testing.T) {
			res := verified(t, resigned(t, me, raw, c.change))
			if !slices.ContainsFunc(res.Findings, func(f Finding) bool { return strings.Contains(f.Text, c.want) }) {
				t.Errorf("%v, want %q", res.Findings, c.want)
			}
		})
	}

	// Of another camera of the same box: everything is signed, and belongs to other pictures.
	names, files := contents(t, raw)
	_, foreign := contents(t, nursery)
	files[manifestName], files[signatureName] = foreign[manifestName], foreign[signatureName]
	if res := verified(t, packed(t, names, files)); len(res.Findings) == 0 {
		t.Error("another camera's manifest is taken")
	}
}

// TestOpenChain: a file between two that is gone is told of, and is not held against the bundle.
func TestOpenChain(t *testing.T) {
	r := newRig(t)
	r.record(r.id, run{0, 2, 32, 1, false, ""}, run{2 * time.Second, 2, 32, 1, false, ""}, run{4 * time.Second, 2, 32, 1, false, ""})
	q := r.request(r.id, 0, 6*time.Second)
	open := q.Open
	q.Open = func(from, to time.Time) (export.Pieces, error) {
		p, err := open(from, to)
		return &without{p, start.Add(2 * time.Second), start.Add(4 * time.Second)}, err
	}
	var b bytes.Buffer
	_, err := Write(t.Context(), &b, q)
	must(t, err)
	res := verified(t, b.Bytes())
	if len(res.Findings) > 0 || len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "not closed") || len(res.Manifest.Gaps) != 1 {
		t.Errorf("%v %q %+v", res.Findings, res.Notes, res.Manifest.Gaps)
	}
}

// TestPiecesLeftOut: records of which there are no pictures any more are listed, and counted.
func TestPiecesLeftOut(t *testing.T) {
	r := newRig(t)
	r.record(r.id, run{0, 8, 32, 1, false, ""})
	q := r.request(r.id, 0, 8*time.Second)
	open := q.Open
	q.Open = func(from, to time.Time) (export.Pieces, error) {
		p, err := open(from, to)
		return &without{p, start.Add(2 * time.Second), start.Add(4 * time.Second)}, err
	}
	var b bytes.Buffer
	_, err := Write(t.Context(), &b, q)
	must(t, err)
	res := verified(t, b.Bytes())
	m := res.Manifest
	if len(res.Findings) > 0 || len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "2 pieces") || len(m.Gaps) != 1 || !strings.Contains(m.Gaps[0].Reason, "let go of") {
		t.Errorf("%v %q %+v", res.Findings, res.Notes, m.Gaps)
	}
}

// TestErrors: nothing is written of what cannot be.
func TestErrors(t *testing.T) {
	r := newRig(t)
	r.record(r.id, run{0, 2, 32, 1, false, ""})
	var b bytes.Buffer
	if _, err := Write(t.Context(), &b, r.request(r.id, time.Hour, 2*time.Hour)); !errors.Is(err, export.ErrNoFootage) || b.Len() > 0 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Write(done, &b, r.request(r.id, 0, time.Second)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	// Other footage at the second reading, of the same lengths.
	q := r.request(r.id, 0, 2*time.Second)
	open, n := q.Open, 0
	q.Open = func(from, to time.Time) (export.Pieces, error) {
		p, err := open(from, to)
		if n++; n == 2 {
			return &spoilt{p}, err
		}
		return p, err
	}
	if _, err := Write(t.Context(), &b, q); !errors.Is(err, export.ErrChanged) {
		t.Errorf("%v", err)
	}
}

// TestNoBundle: what is none is an error, in a sentence.
func TestNoBundle(t *testing.T) {
	_, raw := small(t)
	names, files := contents(t, raw)
	for name, b := range map[string][]byte{
		"nothing":       nil,
		"a film":        files[filmName],
		"another order": packed(t, []string{names[1], names[0], names[2], names[3]}, files),
		"a file less":   packed(t, names[:3], files),
		"a file more":   packed(t, append(slices.Clone(names), "extra.txt"), map[string][]byte{"extra.txt": nil}),
	} {
		if _, err := Verify(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	later := bytes.Replace(files[manifestName], []byte(Format), []byte("hearth export 2"), 1)
	files[manifestName] = later
	b := packed(t, names, files)
	if _, err := Verify(bytes.NewReader(b), int64(len(b))); err == nil || !strings.Contains(err.Error(), "hearth export 2") {
		t.Errorf("%v", err)
	}
}

// TestBigArchive: sizes beyond 4 GiB, which take other fields. Nothing of it is on the disk.
func TestBigArchive(t *testing.T) {
	made := start
	entries := []entry{{"a", 5 << 30, 1}, {"b", 7, 2}, {"c", 6 << 30, 3}}
	path := filepath.Join(t.TempDir(), "big.zip")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	starts, at := offsets(entries)
	for i, e := range entries {
		_, err := f.WriteAt(e.local(made), starts[i])
		must(t, err)
	}
	_, err = f.WriteAt(directory(entries, made), at)
	must(t, err)
	size := archiveSize(entries)
	got, err := readDirectory(f, size)
	if err != nil || !slices.Equal(got, entries) {
		t.Errorf("%+v, %v", got, err)
	}
	bigByOthers(t, path, []int64{5 << 30, 7, 6 << 30})
}

var _ = media.Main
