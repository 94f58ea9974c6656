package segment

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"io"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
	"pgregory.net/rapid"

	"hearth/nvr/media"
)

// testKey is a camera's key without a keyring.
type testKey struct {
	camera media.CameraID
	secret [32]byte
}

func newTestKey() testKey { return testKey{camera: media.NewCameraID(), secret: [32]byte{1, 2, 3}} }

func (k testKey) Camera() media.CameraID { return k.camera }

func (k testKey) AEAD(salt []byte, segment media.UUID) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.secret[:], salt, string(k.camera[:])+string(segment[:]), 32)
	if err != nil {
		return nil, err
	}
	return chacha20poly1305.New(key)
}

// memory is a file in memory. Writes go through a page at a time, so that a test can end one in its midst.
type memory struct {
	data  []byte
	limit int // bytes that may still be written; negative: any number
}

var errPower = errors.New("the power went")

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.data)) {
		return 0, io.EOF
	}
	n := copy(p, m.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	n := len(p)
	if m.limit >= 0 {
		n = min(n, m.limit)
		m.limit -= n
	}
	if grow := int(off) + n - len(m.data); grow > 0 {
		m.data = append(m.data, make([]byte, grow)...)
	}
	copy(m.data[off:], p[:n])
	if n < len(p) {
		return n, errPower
	}
	return n, nil
}

func (m *memory) Truncate(size int64) error {
	if size <= int64(len(m.data)) {
		m.data = m.data[:size]
		return nil
	}
	m.data = append(m.data, make([]byte, size-int64(len(m.data)))...)
	return nil
}

func (m *memory) Sync() error { return nil }

type sample struct {
	r       Record
	payload []byte
}

func drawSamples(t *rapid.T) []sample {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) sample {
		return sample{
			r: Record{
				Type:     Type(rapid.IntRange(1, 5).Draw(t, "type")),
				Key:      rapid.Bool().Draw(t, "key"),
				DTS:      rapid.Int64().Draw(t, "dts"),
				Duration: rapid.Uint32().Draw(t, "duration"),
				Time:     rapid.Int64Range(0, 1<<52).Draw(t, "time"),
			},
			payload: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload"),
		}
	}), 0, 12).Draw(t, "records")
}

// make builds the bytes of a file, and where each record ends.
func build(t interface{ Fatal(...any) }, key Key, h Header, samples []sample, finished bool) (file []byte, ends []int64, w *Writer) {
	w, err := NewWriter(key, h)
	if err != nil {
		t.Fatal(err)
	}
	file = w.AppendHeader(nil)
	for _, s := range samples {
		if s.r.Type == CheckRecord {
			if file, _, err = w.AppendCheckpoint(file, s.r); err != nil {
				t.Fatal(err)
			}
			ends = append(ends, int64(len(file)))
			continue
		}
		half := len(s.payload) / 2
		if file, err = w.AppendRecord(file, s.r, s.payload[:half], s.payload[half:]); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int64(len(file)))
	}
	if finished {
		file = w.AppendFooter(file)
	}
	if w.Size() != int64(len(file)) {
		t.Fatal("the writer lost count of its bytes", w.Size(), len(file))
	}
	return file, ends, w
}

func testHeader(key testKey) Header {
	h := NewHeader(key.camera, media.Sub)
	h.Trusted, h.Run, h.RunSeq, h.Prev = true, media.NewUUID(), 7, [32]byte{9, 9}
	h.Start, h.RunStart = 1_790_000_000_000_000, 1_789_999_000_000_000
	return h
}

func smallSamples() []sample {
	return []sample{
		{Record{Type: InitRecord, Time: 1_790_000_000_000_000}, []byte("ftyp moov")},
		{Record{Type: FragRecord, Key: true, DTS: 0, Duration: 90000, Time: 1_790_000_000_000_000}, bytes.Repeat([]byte("key"), 30)},
		{Record{Type: FragRecord, DTS: 90000, Duration: 90000, Time: 1_790_000_001_000_000}, bytes.Repeat([]byte("more"), 11)},
		{Record{Type: NoteRecord, DTS: 180000, Time: 1_790_000_002_000_000}, Note{Kind: NoteEnd, Reason: "why"}.Marshal()},
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := newTestKey()
		h, samples := testHeader(key), drawSamples(t)
		file, _, w := build(t, key, h, samples, true)
		r, err := Open(bytes.NewReader(file), int64(len(file)), key)
		if err != nil {
			t.Fatal(err)
		}
		live, err := OpenLive(bytes.NewReader(file), key, w.Table())
		if err != nil {
			t.Fatal(err)
		}
		if r.Header() != h || len(r.Table()) != len(samples) {
			t.Fatalf("header %+v, %d records", r.Header(), len(r.Table()))
		}
		for i, s := range samples {
			for _, from := range []*Reader{r, live} {
				got, err := from.Payload(i, nil)
				if err != nil || !bytes.Equal(got, s.payload) || from.Table()[i].Record != s.r {
					t.Fatalf("record %d: %v, %q", i, err, got)
				}
			}
			e := r.Table()[i]
			rec, one, err := One(bytes.NewReader(file), key, Place{uint32(i), e.Offset, e.Length})
			if err != nil || rec != s.r || !bytes.Equal(one, s.payload) {
				t.Fatalf("record %d by its place: %v", i, err)
			}
		}
		if err := r.Verify(); err != nil {
			t.Fatal(err)
		}
		if s := r.Summary(); s.Chain != w.Chain() || s.Chain != Chain(h, r.Table()) || s.End != w.End() || s.Size != int64(len(file)) || s.Recovered {
			t.Fatalf("summary %+v", s)
		}
	})
}

// read does all that a reader of a finished file can do.
func read(file []byte, key Key) error {
	r, err := Open(bytes.NewReader(file), int64(len(file)), key)
	if err != nil {
		return err
	}
	return r.Verify()
}

func TestAnotherCamerasFileDoesNotOpen(t *testing.T) {
	mine, theirs := newTestKey(), newTestKey()
	file, ends, w := build(t, theirs, testHeader(theirs), smallSamples(), true)
	if err := read(file, mine); !errors.Is(err, ErrForged) {
		t.Fatal("as it is:", err)
	}
	// Someone, or something, writes my name into their header, checksum and all.
	h := w.Header()
	h.Camera = mine.camera
	renamed := append(h.Append(nil), file[HeaderSize:]...)
	if err := read(renamed, mine); !errors.Is(err, ErrForged) {
		t.Fatal("renamed:", err)
	}
	live, err := OpenLive(bytes.NewReader(renamed), mine, w.Table())
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.Table() {
		if got, err := live.Payload(i, nil); !errors.Is(err, ErrForged) || got != nil {
			t.Fatalf("record %d: %v, %q", i, err, got)
		}
	}
	// A recovery with the wrong key must not take the records for torn ones and cut them off.
	unfinished := &memory{data: bytes.Clone(renamed[:ends[len(ends)-1]]), limit: -1}
	if _, err := Recover(unfinished, int64(len(unfinished.data)), 0, mine, Place{}); !errors.Is(err, ErrForged) {
		t.Fatal("recovery:", err)
	}
	if !bytes.Equal(unfinished.data, renamed[:ends[len(ends)-1]]) {
		t.Fatal("recovery changed a file that it could not open")
	}
	// The same secret is not enough: the camera goes into the seal.
	same := theirs
	same.camera = mine.camera
	if err := read(renamed, same); !errors.Is(err, ErrForged) {
		t.Fatal("same secret:", err)
	}
}

func TestRecordsDoNotMoveBetweenFiles(t *testing.T) {
	key := newTestKey()
	a, ends, _ := build(t, key, testHeader(key), smallSamples(), true)
	b, _, _ := build(t, key, testHeader(key), smallSamples(), true)
	mixed := append(bytes.Clone(a[:ends[0]]), b[ends[0]:]...)
	if err := read(mixed, key); !errors.Is(err, ErrForged) {
		t.Fatal(err)
	}
	footer := append(bytes.Clone(a[:ends[len(ends)-1]]), b[ends[len(ends)-1]:]...)
	if err := read(footer, key); !errors.Is(err, ErrForged) {
		t.Fatal(err)
	}
}

func TestWriterRefuses(t *testing.T) {
	key := newTestKey()
	if _, err := NewWriter(newTestKey(), testHeader(key)); !errors.Is(err, ErrForged) {
		t.Fatal("another camera's header:", err)
	}
	w, err := NewWriter(key, testHeader(key))
	if err != nil {
		t.Fatal(err)
	}
	file := w.AppendHeader(nil)
	if got, err := w.AppendRecord(file, Record{Type: FragRecord}, make([]byte, MaxPayload+1)); !errors.Is(err, ErrTooLarge) || len(got) != HeaderSize {
		t.Fatal(err, len(got))
	}
	if file, err = w.AppendRecord(file, Record{Type: FragRecord}, []byte("fits")); err != nil {
		t.Fatal(err)
	}
	if err := read(w.AppendFooter(file), key); err != nil {
		t.Fatal("after a refusal:", err)
	}
}
