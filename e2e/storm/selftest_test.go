package storm

import (
	"bytes"
	"encoding/json"
	"image"
	"image/jpeg"
	"strings"
	"testing"
	"time"

	"hearth/nvr/sim/h264"
	"hearth/nvr/sim/mark"
)

const (
	idA = "00000000-0000-4000-8000-00000000000a"
	idB = "00000000-0000-4000-8000-00000000000b"
)

// bench is a judge of a small world: guest G had live and events on camera A (number 1) from 10 s on and lost them by a change
// sent at 20 s and answered at 21 s; camera B (number 2) was never theirs. Picture n is taken at n seconds. It is 60 s now.
type bench struct {
	*judge
	guest    *session
	verdicts []string
}

func newBench() *bench {
	b := &bench{}
	m := newModel()
	m.began = time.Now().Add(-time.Minute)
	for i, id := range []string{idA, idB} {
		c := &camera{id: id, number: uint16(i + 1)}
		c.exists.send(true, 0)
		c.exists.ack(1 * time.Second)
		c.private.send(false, 0)
		c.private.ack(0)
		c.private.send(true, 50*time.Second)
		c.private.ack(51 * time.Second)
		c.private.send(false, 55*time.Second)
		c.private.ack(56 * time.Second)
		c.name.send([]string{"Storm 1-1", "Storm 2-2"}[i], 0)
		c.name.ack(1 * time.Second)
		m.cameras[id], m.byName[c.name.newest()] = c, id
	}
	g := &person{name: "G"}
	change := func(r rights, sent, acked time.Duration) {
		g.standing.send(standing{role: "guest", extras: map[string]rights{idA: r}}, sent)
		g.standing.ack(acked)
	}
	change(0, 0, 1*time.Second)
	change(live|events, 10*time.Second, 11*time.Second)
	change(0, 20*time.Second, 21*time.Second)
	b.guest = &session{person: g}
	b.guest.open.send(true, 0)
	b.guest.open.ack(1 * time.Second)
	b.guest.open.send(false, 40*time.Second)
	b.guest.open.ack(41 * time.Second)
	b.judge = &judge{model: m, stop: func(v string) { b.verdicts = append(b.verdicts, v) }, taken: func(_ uint16, frame uint32) (time.Time, bool) {
		at := m.began.Add(time.Duration(frame) * time.Second)
		return at, time.Until(at) < time.Second
	}}
	return b
}

// TestJudge: the judge finds what it is there to find, and nothing else.
func TestJudge(t *testing.T) {
	second := time.Second
	// at is an answer about a camera between two moments, in tenths of seconds.
	at := func(b *bench, id string, verb rights, status int, from, to int) *answer {
		return &answer{
			sess: b.guest, camera: id, verb: verb, status: status, kind: oneCamera,
			sent: time.Duration(from) * second / 10, done: time.Duration(to) * second / 10,
		}
	}
	body := func(a *answer, v any) *answer {
		a.body, _ = json.Marshal(v)
		return a
	}
	type items struct {
		Items []any `json:"items"`
	}
	a := cameraJSON{idA, "Storm 1-1", []string{"live"}}
	for _, c := range []struct {
		name string
		do   func(b *bench)
		bad  bool
	}{
		{"an answer while the right is held", func(b *bench) { b.answered(at(b, idA, live, 200, 150, 151)) }, false},
		{"an answer while the right is being given", func(b *bench) { b.answered(at(b, idA, live, 200, 100, 101)) }, false},
		{"an answer while the right is being taken", func(b *bench) { b.answered(at(b, idA, live, 200, 205, 206)) }, false},
		{"an answer to what was asked before the right was taken", func(b *bench) { b.answered(at(b, idA, live, 200, 199, 300)) }, false},
		{"an answer to what was asked after it", func(b *bench) { b.answered(at(b, idA, live, 200, 211, 212)) }, true},
		{"an answer before the right was asked for", func(b *bench) { b.answered(at(b, idA, live, 200, 90, 99)) }, true},
		{"another verb", func(b *bench) { b.answered(at(b, idA, footage, 200, 150, 151)) }, true},
		{"another camera", func(b *bench) { b.answered(at(b, idB, live, 200, 150, 151)) }, true},
		{"no footage, said to who may not know", func(b *bench) {
			x := at(b, idA, footage, 404, 150, 151)
			x.body = []byte(`{"type":"urn:hearth:nothing-recorded"}`)
			b.answered(x)
		}, true},
		{"a camera that starts, said to who may not know", func(b *bench) { b.answered(at(b, idB, live, 503, 150, 151)) }, true},
		{"a failure", func(b *bench) { b.answered(at(b, idA, live, 500, 150, 151)) }, true},
		{"a refusal of what is not held", func(b *bench) { b.answered(at(b, idB, live, 404, 150, 151)) }, false},
		{"a refusal while it changes", func(b *bench) { b.answered(at(b, idA, live, 404, 150, 201)) }, false},
		{"a refusal of what is held", func(b *bench) { b.answered(at(b, idA, live, 404, 150, 151)) }, true},
		{"nobody, while logged in", func(b *bench) { b.answered(at(b, idA, live, 401, 150, 151)) }, true},
		{"nobody, after the logout", func(b *bench) { b.answered(at(b, idA, live, 401, 420, 430)) }, false},
		{"anything after the logout", func(b *bench) { b.answered(at(b, "", all, 200, 420, 430)) }, true},

		{"its picture", func(b *bench) { b.pictured(at(b, idA, live, 200, 150, 151), []seen{{1, 14}, {1, 15}}, nil) }, false},
		{"a foreign picture", func(b *bench) { b.pictured(at(b, idA, live, 200, 150, 151), []seen{{1, 14}, {2, 15}}, nil) }, true},
		{"a picture nobody can read", func(b *bench) { b.pictured(at(b, idA, live, 200, 150, 151), nil, errNoMark) }, true},
		{"a picture taken just as it becomes private", func(b *bench) { b.pictured(at(b, idA, live, 200, 510, 530), []seen{{1, 51}}, nil) }, false},
		{"a picture taken while it is private", func(b *bench) { b.pictured(at(b, idA, live, 200, 570, 571), []seen{{1, 53}}, nil) }, true},
		{"a picture taken as it is opened", func(b *bench) { b.pictured(at(b, idA, live, 200, 570, 571), []seen{{1, 55}}, nil) }, false},
		{"private, and it is not", func(b *bench) { b.answered(at(b, idA, live, 409, 150, 151)) }, true},
		{"a picture of tomorrow", func(b *bench) { b.pictured(at(b, idA, live, 200, 150, 151), []seen{{1, 100}}, nil) }, true},

		{"a stream that ends in time", func(b *bench) { b.streamed(at(b, idA, live, 101, 150, 219), []seen{{1, 21}}, nil) }, false},
		{"a stream read late", func(b *bench) { b.streamed(at(b, idA, live, 101, 150, 300), []seen{{1, 22}}, nil) }, false},
		{"a stream that begins with what was before the right", func(b *bench) { b.streamed(at(b, idA, live, 101, 95, 101), []seen{{1, 9}}, nil) }, false},
		{"a stream before the right", func(b *bench) { b.streamed(at(b, idA, live, 101, 50, 99), []seen{{1, 9}}, nil) }, true},
		{"a stream that goes on", func(b *bench) { b.streamed(at(b, idA, live, 101, 150, 231), []seen{{1, 23}}, nil) }, true},
		{"a foreign stream", func(b *bench) { b.streamed(at(b, idA, live, 101, 150, 160), []seen{{2, 16}}, nil) }, true},
		{"a stream cut while the right is held", func(b *bench) { b.ended(at(b, idA, live, 101, 150, 160)) }, true},
		{"a stream cut when the right is taken", func(b *bench) { b.ended(at(b, idA, live, 101, 150, 213)) }, false},

		{"a list of what is theirs", func(b *bench) { b.listed(body(at(b, "", all, 200, 150, 151), items{[]any{a}})) }, false},
		{"a list with less", func(b *bench) { b.listed(body(at(b, "", all, 200, 150, 151), items{})) }, true},
		{"a list with more", func(b *bench) {
			b.listed(body(at(b, "", all, 200, 150, 151), items{[]any{a, cameraJSON{ID: idB, Name: "Storm 2-2"}}}))
		}, true},
		{"a list after it was taken", func(b *bench) { b.listed(body(at(b, "", all, 200, 220, 221), items{[]any{a}})) }, true},
		{"a list with a camera that nobody added", func(b *bench) {
			b.listed(body(at(b, "", all, 200, 150, 151), items{[]any{a, cameraJSON{ID: strings.Replace(idB, "b", "c", 1)}}}))
		}, true},
		{"another's name", func(b *bench) { b.described(at(b, idA, all, 200, 150, 151), cameraJSON{ID: idA, Name: "Storm 2-2"}) }, true},
		{"a verb too much", func(b *bench) {
			b.described(at(b, idA, all, 200, 150, 151), cameraJSON{idA, "Storm 1-1", []string{"live", "export"}})
		}, true},
		{"another's name anywhere", func(b *bench) { b.mentions(body(at(b, idA, all, 200, 150, 151), "no such camera: Storm 2-2")) }, true},
		{"another's identity anywhere", func(b *bench) { b.mentions(body(at(b, idA, all, 200, 150, 151), "x"+idB)) }, true},
		{"its own name", func(b *bench) { b.mentions(body(at(b, idA, all, 200, 150, 151), "Storm 1-1 "+idA)) }, false},

		{"its event", func(b *bench) {
			b.happened(body(at(b, "", events, 200, 150, 151), items{[]any{eventJSON{"e", idA, true}}}), "")
		}, false},
		{"another's event", func(b *bench) {
			b.happened(body(at(b, "", events, 200, 150, 151), items{[]any{eventJSON{"e", idB, true}}}), "")
		}, true},
		{"an event that changes its camera", func(b *bench) {
			b.change(func() { b.events["e"] = idB })
			b.happened(body(at(b, "", events, 200, 150, 151), items{[]any{eventJSON{"e", idA, true}}}), "")
		}, true},
	} {
		b := newBench()
		c.do(b)
		if got := len(b.verdicts) > 0; got != c.bad {
			t.Errorf("%s: found %v, want %v\n%s", c.name, got, c.bad, strings.Join(b.verdicts, "\n"))
		}
	}
}

// TestStillReadsTheMark also after a JPEG and when made larger, and not that of nothing.
func TestStillReadsTheMark(t *testing.T) {
	p := h264.NewPicture(256, 144)
	mark.Draw(p.Y, p.YStride, 256, 144, 17, 4711)
	var b bytes.Buffer
	picture := &image.YCbCr{
		Y: p.Y, Cb: p.Cb, Cr: p.Cr, YStride: p.YStride, CStride: p.CStride, SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, 256, 144),
	}
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 70}); err != nil {
		t.Fatal(err)
	}
	if got, err := still(b.Bytes()); err != nil || got != (seen{17, 4711}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := still(b.Bytes()[:b.Len()/2]); err == nil {
		t.Error("half a picture is taken")
	}
}
