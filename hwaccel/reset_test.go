//go:build cgo

package hwaccel

import (
	"testing"

	"hearth/nvr/vision/clip"
)

// A worker jumps from key frame to key frame, and from the midst of a GOP back to its beginning. After each Reset nothing
// of before comes out, and what does is as it is when everything is decoded in turn.
func TestAfterAResetOnlyWhatFollowsIsSeen(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.name, func(t *testing.T) {
			clip := clip.Make(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=640x360:r=15:d=3"}, c.args...)...)
			var inTurn []seen
			d := software(t, clip)
			for i, u := range clip.Units {
				if err := d.Decode(annexB(t, clip, i), u.PTS, look(t, &inTurn)); err != nil {
					t.Fatal(err)
				}
			}
			if err := d.Drain(look(t, &inTurn)); err != nil {
				t.Fatal(err)
			}
			want := make(map[int64][]byte)
			for _, s := range inTurn {
				want[s.at] = s.luma
			}

			d = software(t, clip)
			keys := keysOf(clip)
			for step, follow := range []int{0, 0, 7, 1, 7, 0} { // how many units behind the key frame are decoded
				key := keys[(step/2)%len(keys)]
				first := clip.Units[key].PTS
				d.Reset()
				got := 0
				see := func(f *Frame) error {
					luma := make([]byte, lumaW*lumaH)
					if err := f.Luma(luma, lumaW, lumaH); err != nil {
						return err
					}
					switch {
					case f.Damaged():
					case want[f.At] == nil:
						t.Errorf("step %d: a picture of %d, which was never sent", step, f.At)
					case f.At < first && f.At < clip.Units[key].DTS:
						t.Errorf("step %d: a picture of %d came out, the key frame is of %d", step, f.At, first)
					case f.At >= first && difference(luma, want[f.At]) > 0:
						t.Errorf("step %d: the picture of %d differs by %.2f", step, f.At, difference(luma, want[f.At]))
					case f.At >= first:
						got++
					}
					return nil
				}
				for i := key; i <= key+follow; i++ {
					if err := d.Decode(annexB(t, clip, i), clip.Units[i].PTS, see); err != nil {
						t.Fatal(err)
					}
				}
				if step%3 == 2 { // now and then what is held back is fetched, or left there
					if err := d.Drain(see); err != nil {
						t.Fatal(err)
					}
					if got == 0 {
						t.Errorf("step %d: no picture came out", step)
					}
				}
			}
		})
	}
}

func keysOf(c *clip.Clip) (keys []int) {
	for i, u := range c.Units {
		if u.Key {
			keys = append(keys, i)
		}
	}
	return keys
}

// While calm, key frames alone are decoded: H.264 needs no flush for that, whose memory would be taken anew each time.
func TestKeyFramesAloneNeedNoFlush(t *testing.T) {
	clip := clip.Make(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=320x180:r=15:d=3"}, codecs[0].args...)...)
	d := software(t, clip)
	for _, k := range keysOf(clip) {
		d.Reset()
		unit := annexB(t, clip, k)
		if !d.keeps(unit) {
			t.Errorf("a flush before unit %d", k)
		}
		if err := d.Decode(unit, clip.Units[k].PTS, func(*Frame) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if d.Reset(); d.keeps(annexB(t, clip, 1)) {
		t.Error("no flush before a picture that is no key frame")
	}
}
