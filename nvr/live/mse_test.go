package live_test

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hearth/nvr/live"
	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage/access"
)

// browser does with fragments what a browser's coded frame processing does (Media Source Extensions, 3.5.8), as far
// as it drops frames.
type browser struct {
	rates   []int
	last    [2]float64 // decode timestamp, in seconds
	length  [2]float64 // of the last frame
	known   [2]bool
	need    [2]bool // a key frame
	dropped [2]int
	taken   [2]int
}

// init takes an initialization part.
func (b *browser) init() { b.need = [2]bool{true, true} }

func (b *browser) media(t interface{ Fatal(...any) }, data []byte) {
	runs, err := fmp4.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	type frame struct {
		track       int
		dts, length float64
		key         bool
	}
	var frames []frame
	for _, r := range runs {
		rate := float64(b.rates[r.Track])
		for i, s := range r.Samples {
			frames = append(frames, frame{r.Track, float64(r.DTS(i)) / rate, float64(s.Duration) / rate, s.Key})
		}
	}
	slices.SortStableFunc(frames, func(x, y frame) int { return cmp.Compare(x.dts, y.dts) })
	for _, f := range frames {
		if d := f.dts - b.last[f.track]; b.known[f.track] && (d < 0 || d > 2*b.length[f.track]+1e-9) {
			b.known, b.need = [2]bool{}, [2]bool{true, true}
		}
		if b.need[f.track] && !f.key {
			b.dropped[f.track]++
			continue
		}
		b.need[f.track] = false
		b.known[f.track], b.last[f.track], b.length[f.track] = true, f.dts, f.length
		b.taken[f.track]++
	}
}

// TestSoundCostsNoPicture: whatever sound does - pauses, stops, comes back early or late - a browser drops no
// picture for it, whenever it begins to watch; and after each pause the sound is heard again.
func TestSoundCostsNoPicture(t *testing.T) {
	cam := media.NewCameraID()
	g := grant(t, cam, access.Live)
	rapid.Check(t, func(t *rapid.T) {
		run := anyRun(cam)
		h := &live.Hub{Camera: cam}
		h.StartRun(run)
		ahead := rapid.IntRange(-10, 10).Draw(t, "sound ahead") // packets of 20 ms
		join := rapid.IntRange(0, 60).Draw(t, "join")
		var v *live.Viewer
		b := &browser{rates: []int{90000, 48000}}
		pictures, packet, quiet, heard := 0, max(0, ahead), 0, 0
		for n := range 100 {
			if n == join {
				var err error
				if v, err = h.Subscribe(g); err != nil {
					t.Fatal(err)
				}
				defer v.Close()
				pictures = n - max(n-1, 0)/10*10 // the GOP so far
			}
			h.WriteUnit(run, frame(run, n, 10))
			pictures++
			if quiet == 0 && rapid.IntRange(0, 9).Draw(t, "pause") == 0 {
				quiet = rapid.IntRange(1, 40).Draw(t, "quiet")
			}
			for ; packet < (n+1)*5+ahead; packet++ {
				if quiet > 0 {
					quiet--
					continue
				}
				h.WriteUnit(run, sound(run, packet))
				heard++
			}
			if v == nil {
				continue
			}
			for _, m := range drain(v) {
				switch m.Kind {
				case live.Init:
					b.init()
				case live.Media:
					b.media(t, m.Data)
				}
			}
		}
		if b.dropped[0] != 0 || b.taken[0] != pictures {
			t.Fatalf("%d pictures dropped, %d of %d taken", b.dropped[0], b.taken[0], pictures)
		}
		if b.dropped[1] != 0 {
			t.Fatalf("%d packets of sound dropped", b.dropped[1])
		}
	})
}

// TestSoundComesBack: after a pause sound is there again with the next key frame, from before it on.
func TestSoundComesBack(t *testing.T) {
	cam := media.NewCameraID()
	run := anyRun(cam)
	h := &live.Hub{Camera: cam}
	v, err := h.Subscribe(grant(t, cam, access.Live))
	if err != nil {
		t.Fatal(err)
	}
	h.StartRun(run)
	var got []live.Message
	packet := 0
	for n := range 30 {
		for ; packet < n*5; packet++ {
			if packet < 20 || packet >= 60 { // quiet from 0.4 s to 1.2 s
				h.WriteUnit(run, sound(run, packet))
			}
		}
		h.WriteUnit(run, frame(run, n, 10))
		got = append(got, drain(v)...)
	}
	var packets []int
	at := -1 // the picture with which the sound came back
	for _, m := range got {
		if m.Kind != live.Media {
			continue
		}
		runs, err := fmp4.Parse(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			for i := range r.Samples {
				if p := int(r.DTS(i) / 960); r.Track == 1 {
					if p >= 60 && at < 0 {
						at = frames(t, m)[0]
					}
					packets = append(packets, p)
				}
			}
		}
	}
	// 0 to 19, then what had come in the last 0.32 s before the key frame at 2 s, and all after it.
	var want []int
	for p := range packet {
		if p < 20 || p >= 100-16 {
			want = append(want, p)
		}
	}
	if at != 20 || !slices.Equal(packets, want) {
		t.Errorf("sound came back at picture %d, packets %v, want %v", at, packets, want)
	}
}
