//go:build cgo

package main

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"hearth/nvr/media"
	"hearth/nvr/motion"
	"hearth/nvr/vision/protocol"
)

// encoder makes P-frames of an encoder's kind: how many bytes, in octaves, and at which quantiser.
type encoder func(r *rand.Rand, moving bool) (octaves float64, qp int)

// floor works at one quality: what moves costs bytes.
func floor(r *rand.Rand, moving bool) (float64, int) {
	if moving {
		return 12.5 + 0.6*r.NormFloat64(), 28
	}
	return 10 + 0.3*r.NormFloat64(), 28
}

// full fills its bit rate with noise: neither bytes nor quantiser go with what moves.
func full(r *rand.Rand, _ bool) (float64, int) { return 12 + 0.5*r.NormFloat64(), 30 + r.IntN(5) }

// tight fills its bit rate, and what moves makes it coarser.
func tight(r *rand.Rand, moving bool) (float64, int) {
	if moving {
		return 12 + 0.3*r.NormFloat64(), 38 + r.IntN(4)
	}
	return 12 + 0.3*r.NormFloat64(), 28 + r.IntN(4)
}

// unitOf is a P-frame of H.264 with a header that says so, at 15 a second.
func unitOf(at int64, octaves float64, qp int) protocol.Unit {
	var w bitString
	w.put(0x41, 8) // a slice that others refer to
	w.ue(0)        // first_mb_in_slice
	w.ue(5)        // P
	w.ue(0)        // pic_parameter_set_id
	w.put(0, 4)    // frame_num
	w.put(0, 3)    // no override, no modification, no marking
	w.se(qp - 26)
	data := append([]byte{0, 0, 0, 1}, w.bytes()...)
	return protocol.Unit{At: at, Data: append(data, make([]byte, max(int(math.Exp2(octaves))-len(data), 0))...)}
}

type bitString struct{ s strings.Builder }

func (w *bitString) put(v, n int) { fmt.Fprintf(&w.s, "%0*b", n, v) }
func (w *bitString) ue(v int)     { w.put(v+1, 2*bits.Len(uint(v+1))-1) }
func (w *bitString) se(v int) {
	if v > 0 {
		w.ue(2*v - 1)
	} else {
		w.ue(-2 * v)
	}
}

func (w *bitString) bytes() (b []byte) {
	s := w.s.String() + "1"
	s += strings.Repeat("0", 7-(len(s)-1)%8)
	for ; s != ""; s = s[8:] {
		var v byte
		for _, bit := range s[:8] {
			v = v<<1 | byte(bit-'0')
		}
		b = append(b, v)
	}
	return b
}

// yard is a camera with a GOP of two seconds before which, every minute, something moves for five seconds. It looks as
// a worker does: at key frames, closely where they or a hint say so, and back from there.
type yard struct {
	h     hint
	rand  *rand.Rand
	frame int64
	late  []float64 // how long each spell took to be noticed, in seconds
	trace strings.Builder
}

func newYard(seed uint64) *yard {
	y := &yard{rand: rand.New(rand.NewPCG(seed, 1))}
	y.h.begin(protocol.Config{Codec: media.H264})
	y.h.slices.sets = true
	y.h.slices.h264 = headers264{qp: 26}
	y.h.slices.h264.sps.PicOrderCntType = 2
	y.h.slices.h264.sps.FrameMbsOnlyFlag = true
	return y
}

const frameTime = second / 15

// minutes lets time pass before an encoder.
func (y *yard) minutes(n int, code encoder) {
	begins := second * 40
	moves := func(at int64) bool { at %= 60 * second; return at >= begins && at < begins+5*second }
	looked := y.frame*frameTime + second
	var closely, moved, noticed int64 // until when, when last, whether this spell was
	see := func(at int64) {
		m := moves(at)
		y.h.look(at, motion.Result{Moving: m})
		looked = at
		if m {
			moved, closely = at, at+calmAfter
		}
	}
	for end := y.frame + int64(n)*60*15; y.frame < end; y.frame++ {
		at := second + y.frame*frameTime
		if at%(60*second) < frameTime {
			// Spells begin anywhere within a GOP.
			begins = second*40 + y.rand.Int64N(2*second)
			noticed = 0
		}
		octaves, qp := code(y.rand, moves(at))
		key := y.frame%30 == 0
		if !key {
			y.h.take(unitOf(at, octaves, qp), at > closely)
			if _, ok := y.h.fires(at); ok && at > closely {
				closely = at + doubtTime
				fmt.Fprintf(&y.trace, "hint at %d\n", at)
			}
		}
		if at > closely && key && moves(at) {
			for back := looked + lookEvery; back < at; back += lookEvery {
				see(back)
			}
			closely = at + calmAfter
		}
		if at <= closely && at-looked >= lookEvery || key {
			see(at)
		}
		if moved > at-second && moves(at) && noticed == 0 {
			noticed = at
			y.late = append(y.late, float64(at-at/(60*second)*(60*second)-begins)/float64(second))
		}
		if y.frame%15 == 0 {
			trust, why := y.h.trust()
			fmt.Fprintf(&y.trace, "%d %.6f %s %d\n", at, trust, why, y.h.wake())
		}
	}
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// Where sizes go with what moves, they come to be trusted, and spells are noticed when they begin and not at the next
// key frame.
func TestAHintThatForetellsIsTrustedAndNoticesEarlier(t *testing.T) {
	for name, code := range map[string]encoder{"sizes": floor, "quantiser": tight} {
		for seed := range uint64(3) {
			y, mute := newYard(seed), newYard(seed)
			mute.h.mute = true
			y.minutes(30, code)
			mute.minutes(30, code)
			trust, why := y.h.trust()
			learned, without := mean(y.late[5:]), mean(mute.late[5:])
			t.Logf("%s: trust %.2f, noticed after %.2f s, without %.2f s; %d of %d hints right", name, trust, learned, without, y.h.right, y.h.heeded)
			good := map[string]string{"sizes": protocol.HintGood, "quantiser": protocol.HintCoarse}[name]
			if trust < 0.8 || why != good {
				t.Errorf("%s, seed %d: trust %.2f: %s", name, seed, trust, why)
			}
			if len(y.late) != 30 || learned > 0.3 || without < 0.7 {
				t.Errorf("%s, seed %d: %d spells noticed after %.2f s, without hints %.2f s", name, seed, len(y.late), learned, without)
			}
			// Moving pictures of the floor have 12.5 octaves of bytes; a tenth of the full channel's have more than 12.4.
			wake := math.Log2(float64(y.h.wake()))
			if y.h.heeded > 2*30 || y.h.right < 20 || wake < 10.3 || wake > 12.7 || name == "quantiser" && wake < 12.2 {
				t.Errorf("%s, seed %d: %d of %d hints were right, units wake from %d bytes", name, seed, y.h.right, y.h.heeded, y.h.wake())
			}
		}
	}
}

// Where the encoder fills its bit rate, nothing is trusted, ever, and nothing is looked at for it.
func TestAFullBitRateIsNotTrusted(t *testing.T) {
	for seed := range uint64(8) {
		y := newYard(seed)
		for range 30 {
			y.minutes(1, full)
			if trust, why := y.h.trust(); trust > 0.2 || why == protocol.HintGood {
				t.Errorf("seed %d: trust %.2f: %s", seed, trust, why)
			}
		}
		if y.h.heeded != 0 || y.h.wake() != 0 {
			t.Errorf("seed %d: %d hints", seed, y.h.heeded)
		}
		if _, why := y.h.trust(); why != protocol.HintChance {
			t.Errorf("seed %d: %s", seed, why)
		}
	}
}

// A camera that is set to another way of coding is found out: sizes jump without anything that moves.
func TestAHintThatLeadsToNothingCostsTrust(t *testing.T) {
	y := newYard(7)
	y.minutes(20, floor)
	before, _ := y.h.trust()
	heeded := y.h.heeded
	jumpy := func(r *rand.Rand, moving bool) (float64, int) {
		octaves, qp := floor(r, moving)
		if !moving && y.frame/8%20 == 0 { // every ten seconds, for half a second
			octaves += 3
		}
		return octaves, qp
	}
	trust := before
	for minute := range 30 {
		y.minutes(1, jumpy)
		now, _ := y.h.trust()
		if minute == 0 && now >= trust {
			t.Errorf("six false alarms left the trust at %.2f of %.2f", now, trust)
		}
		trust = now
	}
	t.Logf("trust %.2f, then %.2f; %d hints in half an hour of 180 false alarms", before, trust, y.h.heeded-heeded)
	if before < 0.9 || trust >= before {
		t.Errorf("trust was %.2f and is %.2f", before, trust)
	}
	if n := y.h.heeded - heeded; n > 60 {
		t.Errorf("%d hints were followed", n)
	}
	y.minutes(60, floor)
	if again, why := y.h.trust(); again < 0.8 {
		t.Errorf("an hour later trust is %.2f: %s", again, why)
	}
}

// From trusted to full: what was learned is forgotten, slowly.
func TestWhatNoLongerHoldsIsForgotten(t *testing.T) {
	y := newYard(3)
	y.minutes(20, floor)
	y.minutes(60, full)
	if trust, why := y.h.trust(); trust >= heeded {
		t.Errorf("after an hour trust is still %.2f: %s", trust, why)
	}
}

func TestTheSameUnitsGiveTheSameHints(t *testing.T) {
	for _, code := range []encoder{floor, full, tight} {
		a, b := newYard(11), newYard(11)
		a.minutes(15, code)
		b.minutes(15, code)
		if a.trace.String() != b.trace.String() || a.trace.Len() < 15*60 {
			t.Error("two runs differ")
		}
	}
}

func TestNothingIsLearnedOfPicturesThatStandAlone(t *testing.T) {
	var h hint
	h.begin(protocol.Config{Codec: media.MJPEG})
	for i := range int64(600) {
		h.take(protocol.Unit{At: second + i*frameTime, Key: true, Data: []byte{0xff, 0xd8}}, true)
		h.look(second+i*frameTime, motion.Result{Moving: i%100 > 90})
	}
	if trust, why := h.trust(); trust != 0 || why != protocol.HintNone {
		t.Errorf("trust %.2f: %s", trust, why)
	}
}

// Clocks jump, and cameras send at any rate: memory is bounded and nothing is divided by nothing.
func TestAnyTimesAreBorne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	y := newYard(1)
	at := second
	for range 200_000 {
		switch r.IntN(1000) {
		case 0:
			at += r.Int64N(3600*second) - 1800*second
		default:
			at += r.Int64N(second / 50)
		}
		octaves, qp := floor(r, r.IntN(10) == 0)
		y.h.take(unitOf(at, octaves, qp), r.IntN(2) == 0)
		if r.IntN(40) == 0 {
			y.h.look(at-r.Int64N(second), motion.Result{Moving: r.IntN(5) == 0, Doubt: r.IntN(5) == 0})
		}
		trust, _ := y.h.trust()
		if math.IsNaN(trust) || trust < 0 || trust > 1 || len(y.h.pending) > maxPending {
			t.Fatalf("trust %v, %d pictures wait", trust, len(y.h.pending))
		}
	}
}
