package vision

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/vision/protocol"
)

// endless gives the same bytes over and over until its end; or until more was read than in any test that passes.
type endless struct {
	text []byte
	end  time.Time
	read int
}

func (e *endless) Read(b []byte) (n int, err error) {
	if !time.Now().Before(e.end) || e.read > 200<<20 {
		return 0, io.EOF
	}
	for n < len(b) {
		c := copy(b[n:], e.text[e.read%len(e.text):])
		n, e.read = n+c, e.read+c
	}
	return n, nil
}

// A process that fills its standard error without end costs hearth little, and its log less; what is not logged is counted.
func TestComplaintsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		log := slog.New(slog.NewTextHandler(&text, nil))
		const minutes = 10
		in := &endless{text: []byte("it hurts\n"), end: time.Now().Add(minutes * time.Minute)}
		said := &sayings{}
		for range 2 { // one process, and one after it
			if _, err := io.Copy(struct{ io.Writer }{&lines{log: log, said: said}}, in); err != nil {
				t.Fatal(err)
			}
		}
		said.settle(log)
		if most := mostComplaints + complaints*60*minutes + 64<<10; in.read > most {
			t.Errorf("%d bytes were read, more than %d", in.read, most)
		}
		wrote, left := 0, 0
		for line := range strings.Lines(text.String()) {
			if strings.Contains(line, `line="it hurts"`) {
				wrote++
				continue
			}
			_, n, _ := strings.Cut(strings.TrimSpace(line), "left_out=")
			v := 0
			for _, d := range n {
				v = 10*v + int(d-'0')
			}
			left += v
		}
		if most := mostLogged + minutes*4 + 1; wrote < mostLogged || wrote > most {
			t.Errorf("%d lines in the log, not %d to %d", wrote, mostLogged, most)
		}
		if all := in.read / len(in.text); wrote+left != all {
			t.Errorf("%d lines, and %d left out, of %d", wrote, left, all)
		}

		// When the process is gone nobody waits for what it still said.
		ended := make(chan struct{})
		close(ended)
		l := &lines{log: log, said: said, ended: ended}
		begun := time.Now()
		if _, err := l.Write(make([]byte, 10*mostComplaints)); err != nil || time.Since(begun) > 0 {
			t.Errorf("its last words took %s, %v", time.Since(begun), err)
		}
	})
}

// Likewise one that answers without end. One that looks ten times as often as any does is not held up.
func TestAnswersAreBounded(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer protocol.Message
		bytes  int // of it, about
	}{
		{"signs of life", protocol.Stats{Mode: "calm"}, 1},
		{"thumbs", protocol.Thumb{JPEG: append([]byte{0xff, 0xd8, 0xff}, make([]byte, 1<<20)...)}, 1 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var hello, answer bytes.Buffer
				if err := errors.Join(protocol.Write(&hello, protocol.Hello{Version: protocol.Version}), protocol.Write(&answer, c.answer)); err != nil {
					t.Fatal(err)
				}
				const seconds = 20
				p := &process{answers: make(chan protocol.Message, 64)}
				go p.read(io.MultiReader(&hello, &endless{text: answer.Bytes(), end: time.Now().Add(seconds * time.Second)}))
				heard := 0
				for range p.answers {
					heard++
				}
				each := 1 + c.bytes/wordBytes
				// What was read when it ended is still heard.
				if least, most := words*seconds/each, (mostWords+words*seconds+1000)/each; heard < least || heard > most {
					t.Errorf("%d answers were heard, not %d to %d", heard, least, most)
				}
			})
		})
	}
}

// Who is silent while nobody was there to hear it is not taken for dead.
func TestSilence(t *testing.T) {
	const every, patience = 2 * time.Second, 10 * time.Second
	for name, c := range map[string]struct {
		asked []time.Duration // after the last word
		dead  bool            // at the last
	}{
		"it is silent":                        {[]time.Duration{2, 4, 6, 8, 10, 12}, true},
		"it is silent, not for too long":      {[]time.Duration{2, 4, 6, 8, 10}, false},
		"the machine stood still":             {[]time.Duration{2, 60}, false},
		"it stood still twice":                {[]time.Duration{2, 60, 62, 120, 122}, false},
		"it is silent after that":             {[]time.Duration{2, 60, 62, 64, 66, 68}, true},
		"each time a little late, and silent": {[]time.Duration{3, 6, 9, 12, 15, 18}, true},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			s := silence{patience: patience, every: every, heard: begun, looked: begun}
			for i, at := range c.asked {
				if got := s.tooLong(begun.Add(at * time.Second)); got != (c.dead && i == len(c.asked)-1) {
					t.Errorf("after %d s: %v", at, got)
				}
			}
		})
	}
}
