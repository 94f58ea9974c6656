package bundle

import (
	"bytes"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
	"hearth/storage/signet"
)

// still is a small bundle of footage that never was on a disk: nothing goes on beside the fuzzing.
func still(t testing.TB) (*signet.Signet, []byte) {
	t.Helper()
	s, h := otherBox(t), segment.NewHeader(media.NewCameraID(), media.Main)
	var raw bytes.Buffer
	_, err := Write(t.Context(), &raw, Request{
		Camera: h.Camera, Name: "Front door", From: start, To: start.Add(3 * time.Second), Box: "Hearth", By: "Ada", Signet: s,
		Open: imagined(t, h, 3, []byte("no picture")),
	})
	must(t, err)
	return s, raw.Bytes()
}

// Whatever an archive holds, it is refused or verified, and nothing panics.
func FuzzVerify(f *testing.F) {
	s, raw := still(f)
	f.Add(raw)
	f.Add(raw[len(raw)/2:])
	f.Fuzz(func(t *testing.T, b []byte) {
		res, err := VerifyBy(bytes.NewReader(b), int64(len(b)), s.Fingerprint())
		if err == nil && len(res.Findings) == 0 && !bytes.Equal(b, raw) {
			t.Errorf("%d bytes that nobody signed are taken", len(b))
		}
	})
}

// The same for a film's index, and for a manifest that is not even signed.
func FuzzFilm(f *testing.F) {
	_, raw := still(f)
	_, files := contents(f, raw)
	m, _, err := parseManifest(files[manifestName])
	must(f, err)
	records := m.of(0)
	head := files[filmName][:records[0].Media.Offset]
	f.Add(head, files[manifestName])
	f.Fuzz(func(t *testing.T, head, manifest []byte) {
		plays(head, int64(len(files[filmName])), records)
		m, public, err := parseManifest(manifest)
		if err != nil {
			return
		}
		film := files[filmName]
		v := &verifier{r: bytes.NewReader(film), res: &Result{Manifest: m}}
		v.entries = []entry{{name: readmeName}, {name: filmName, size: int64(len(film))}, {}, {}}
		v.starts = []int64{0, -int64(len(v.entries[1].local(m.Made.At)))} // the film alone
		v.manifest(public)
		if len(m.Films) > 0 {
			if err := v.film(0); err != nil {
				t.Error(err)
			}
		}
		v.chains()
		v.gaps()
	})
}
