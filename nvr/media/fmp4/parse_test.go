package fmp4_test

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"hearth/nvr/media/fmp4"
)

// drawRuns draws what one fragment can hold.
func drawRuns(t *rapid.T) []fmp4.TrackRun {
	runs := make([]fmp4.TrackRun, rapid.IntRange(1, 3).Draw(t, "tracks"))
	for i := range runs {
		runs[i] = fmp4.TrackRun{Track: i, BaseDTS: rapid.Uint64Range(0, 1<<62).Draw(t, "dts")}
		ctos := rapid.Bool().Draw(t, "ctos")
		runs[i].Samples = make([]fmp4.Sample, rapid.IntRange(0, 20).Draw(t, "samples"))
		for j := range runs[i].Samples {
			s := &runs[i].Samples[j]
			*s = fmp4.Sample{
				Duration: rapid.Uint32().Draw(t, "duration"), Key: rapid.Bool().Draw(t, "key"),
				Data: rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "data"),
			}
			if ctos {
				s.CTO = rapid.Int32().Draw(t, "cto")
			}
		}
	}
	return runs
}

// TestRoundTrip: what was written is read, for one fragment and for several joined; the header's size is as said.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var file []byte
		var want []fmp4.TrackRun
		for seq := range rapid.IntRange(1, 3).Draw(t, "fragments") {
			runs := drawRuns(t)
			head := fmp4.AppendHeader(nil, uint32(seq), runs)
			if len(head) != fmp4.HeaderSize(runs) {
				t.Fatalf("header of %d bytes, said %d", len(head), fmp4.HeaderSize(runs))
			}
			whole := fmp4.AppendFragment(nil, uint32(seq), runs)
			if len(whole) != len(head)+fmp4.DataSize(runs) || !bytes.HasPrefix(whole, head) {
				t.Fatal("header and fragment differ")
			}
			file, want = append(file, whole...), append(want, runs...)
		}
		got, err := fmp4.Parse(file)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("read %+v\nwrote %+v", got, want)
		}
		if cut := rapid.IntRange(1, len(file)-1).Draw(t, "cut"); cut > 0 {
			runs, err := fmp4.Parse(file[:cut])
			if err == nil && len(runs) >= len(want) {
				t.Fatalf("cut at %d of %d: no error", cut, len(file))
			}
		}
	})
}

// FuzzParse: foreign bytes give an error or samples within the bytes, and what was read is written the same again.
func FuzzParse(f *testing.F) {
	runs := []fmp4.TrackRun{
		{Track: 0, BaseDTS: 90000, Samples: []fmp4.Sample{{Duration: 3600, CTO: 7200, Key: true, Data: []byte("key")}, {Duration: 3600, CTO: -1, Data: []byte("b")}}},
		{Track: 1, BaseDTS: 48000, Samples: []fmp4.Sample{{Duration: 1024, Key: true, Data: []byte("sound")}}},
	}
	one := fmp4.AppendFragment(nil, 7, runs)
	f.Add(one)
	f.Add(append(bytes.Clone(one), one...))
	f.Add([]byte("\x00\x00\x00\x00moof"))
	f.Fuzz(func(t *testing.T, b []byte) {
		runs, err := fmp4.Parse(b)
		fmp4.Shift(bytes.Clone(b), []int64{5, -5})
		if err != nil {
			return
		}
		total := 0
		for _, r := range runs {
			for _, s := range r.Samples {
				total += len(s.Data)
				if len(s.Data) > len(b) {
					t.Fatal("a sample is larger than its file")
				}
			}
		}
		if total < len(b) {
			again, err := fmp4.Parse(fmp4.AppendFragment(nil, 1, runs))
			if err != nil || !reflect.DeepEqual(again, runs) {
				t.Fatalf("not the same again: %v", err)
			}
		}
	})
}

// FuzzParseInit: foreign bytes never go beyond themselves.
func FuzzParseInit(f *testing.F) {
	f.Add(bareInit(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		tracks, err := fmp4.ParseInit(b)
		if err == nil && len(tracks) == 0 {
			t.Fatal("neither tracks nor an error")
		}
	})
}

func BenchmarkFragmentOfASecond(b *testing.B) {
	samples := make([]fmp4.Sample, 15)
	for i := range samples {
		samples[i] = fmp4.Sample{Duration: 6000, Key: i == 0, Data: make([]byte, 4_000_000/8/15)}
	}
	runs := []fmp4.TrackRun{{Samples: samples}}
	buf := make([]byte, 0, fmp4.HeaderSize(runs)+fmp4.DataSize(runs))
	b.Run("header", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fmp4.AppendHeader(buf[:0], 1, runs)
		}
	})
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fmp4.AppendFragment(buf[:0], 1, runs)
		}
	})
}

func BenchmarkFragmentOfAFrame(b *testing.B) {
	runs := []fmp4.TrackRun{{Samples: []fmp4.Sample{{Duration: 6000, Data: make([]byte, 4_000_000/8/15)}}}}
	buf := make([]byte, 0, fmp4.HeaderSize(runs)+fmp4.DataSize(runs))
	b.ReportAllocs()
	for b.Loop() {
		fmp4.AppendFragment(buf[:0], 1, runs)
	}
}
