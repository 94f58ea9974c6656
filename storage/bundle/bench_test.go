package bundle

import (
	"bytes"
	"crypto/rand"
	"io"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/sim/h264"
	"hearth/storage"
	"hearth/storage/export"
	"hearth/storage/segment"
)

// reel is footage in memory.
type reel struct {
	pieces []storage.Piece
	next   int
}

func (r *reel) Next() (storage.Piece, error) {
	if r.next == len(r.pieces) {
		return storage.Piece{}, io.EOF
	}
	r.next++
	return r.pieces[r.next-1], nil
}

func (r *reel) Close() error { return nil }

// imagined gives seconds of one picture each, whose records never were on a disk.
func imagined(t testing.TB, h segment.Header, seconds int, data []byte) func(from, to time.Time) (export.Pieces, error) {
	t.Helper()
	enc, err := h264.New(h264.Config{Width: 64, Height: 32, FPS: 1, GOP: 1})
	must(t, err)
	init, err := fmp4.Init([]media.Track{{
		Codec: media.H264, ClockRate: media.VideoClockRate, SPS: enc.SPS(), PPS: enc.PPS(), Width: 64, Height: 32,
	}})
	must(t, err)
	table := make([]segment.Entry, seconds)
	pieces := make([]storage.Piece, seconds)
	for i := range pieces {
		dts, at := int64(i)*media.VideoClockRate, start.Add(time.Duration(i)*time.Second)
		table[i].Record = segment.Record{Type: segment.FragRecord, Key: true, DTS: dts, Duration: media.VideoClockRate, Time: at.UnixMicro()}
		rand.Read(table[i].Hash[:])
		pieces[i] = storage.Piece{
			Run: h.Run, Start: at, DTS: dts, Duration: media.VideoClockRate, Key: true, Origin: storage.Origin{Header: h, Table: table, Record: i},
			Data: fmp4.AppendFragment(nil, 1, []fmp4.TrackRun{{
				BaseDTS: uint64(dts), Samples: []fmp4.Sample{{Duration: media.VideoClockRate, Key: true, Data: data}},
			}}),
		}
	}
	pieces[0].Init = init
	return func(time.Time, time.Time) (export.Pieces, error) { return &reel{pieces: pieces}, nil }
}

// BenchmarkBundle says what a signed export of two minutes at 4 Mbit/s costs, reading left out, and its manifest in bytes
// per record.
func BenchmarkBundle(b *testing.B) {
	const seconds = 120
	h := segment.NewHeader(media.NewCameraID(), media.Main)
	data := make([]byte, 500_000)
	rand.Read(data)
	q := Request{
		Camera: h.Camera, Name: "Front door", From: start, To: start.Add(seconds * time.Second), Box: "Hearth", By: "Ada", Signet: otherBox(b),
		Open: imagined(b, h, seconds, data),
	}
	var raw bytes.Buffer
	report, err := Write(b.Context(), &raw, q)
	must(b, err)
	_, files := contents(b, raw.Bytes())
	film := report.Films[0].Bytes
	b.Run("signed", func(b *testing.B) {
		b.SetBytes(film)
		b.ReportAllocs()
		for b.Loop() {
			_, err := Write(b.Context(), io.Discard, q)
			must(b, err)
		}
		b.ReportMetric(float64(len(files[manifestName]))/seconds, "manifest-B/record")
	})
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(film)
		for b.Loop() {
			res, err := Verify(bytes.NewReader(raw.Bytes()), int64(raw.Len()))
			must(b, err)
			if len(res.Findings) > 0 {
				b.Fatal(res.Findings)
			}
		}
	})
}
