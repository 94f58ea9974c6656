package diagnostics

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
)

// family is a cloak that knows two cameras whose names are each other's numbers, a third with a name, and a person.
func family() *Cloak {
	c := NewCloak()
	c.Hide("Camera 2", "«camera 1»")
	c.Hide("Camera 1", "«camera 2»")
	c.Hide("Nursery of Tilda", "«camera 3»")
	c.Hide("0190a5c0-1111-7222-8333-444455556666", "«camera 3»")
	c.HidePerson("Ada Øvrebø")
	c.HideAddress("rtsps://nvr-west.fritz.box:554/Streaming/Channels/101?token=x")
	c.Hide("/var/lib/hearth", "<data>")
	return c
}

func TestText(t *testing.T) {
	c := family()
	for in, want := range map[string]string{
		"Camera 1 and camera 2":                            "«camera 2» and «camera 1»",
		"NURSERY OF TILDA is gone":                         "«camera 3» is gone",
		"Nursery%20of%20Tilda, Nursery+of+Tilda":           "«camera 3», «camera 3»",
		"said ada to Øvrebø, not to Adam":                  "said «person» to «person», not to Adam",
		`the name "Front porch" is taken`:                  "the name «…» is taken",
		`the name "Nursery of Tilda" is taken`:             "the name «camera 3» is taken",
		"«Grandma» is ‹here›":                              "‹Grandma› is ‹here›",
		"dial tcp 192.168.1.20:554: connection refused":    "dial tcp «address»: connection refused",
		"from [2001:db8::1]:443 and fe80::1%eth0 at 10:17": "from «address» and «address» at 10:17",
		"mac b8:27:eb:12:34:56 or B8-27-EB-12-34-56":       "mac «mac» or «mac»",
		"lookup diskstation: no such host":                 "lookup «host» no such host",
		"ask cam.example.org now":                          "ask «…» now",
		"rtsp://u:p@10.0.0.9/x is no camera":               "«address» is no camera",
		"mail ada.l@example.org or me:secret@host":         "mail «person»«address» or «address»",
		"at nvr-west, /Streaming/Channels/101?token=x":     "at «host», «path»",
		"open /mnt/Family pictures/x.mp4: full":            "open «…»: full",
		"open /var/lib/hearth/media/0190a5c0-1111-7222-8333-444455556666/main/2026-10-02T10.mp4: no": "open «<data>/media/camera 3/main/2026-10-02T10.mp4»: no",
		"on /mnt/Grandmas attic":                                                           "on «…»",
		"left alone: /var/lib/hearth/media/Tildas birthday.jpg":                            "left alone: «<data>/media/…»",
		"id 0190a5c0-1111-7222-8333-444455556666 and 11111111-2222-7333-8444-555566667777": "«camera 3»|id",
		"hearth_Zm9vYmFyYmF6cXV4enl6enk and c2VjcmV0LXNlY3JldC1zZWNyZXQ=":                  "«…» and «…»",
		"key 0123456789abcdef0123 of hearth.db took 1.5s, 25 of 30":                        "key «…» of hearth.db took 1.5s, 25 of 30",
		"RTSP/1.0 401\r\nServer: x\x00y":                                                   "RTSP/1.0 401 Server: x y",
	} {
		got := c.Text(in)
		if first, second, two := strings.Cut(want, "|"); two {
			if !strings.Contains(got, first) || !strings.Contains(got, second) || strings.Contains(got, "11111111") {
				t.Errorf("%q: %q", in, got)
			}
			continue
		}
		if got != want {
			t.Errorf("%q:\n got %q\nwant %q", in, got, want)
		}
		if again := c.Last(got); again != got {
			t.Errorf("%q, once more: %q", got, again)
		}
	}
}

func TestLast(t *testing.T) {
	c := family()
	got := c.Last("hearth_camera_up{camera=\"0190a5c0-1111-7222-8333-444455556666\"} 1\nat 2026-11-22T10:17:03.000Z «camera 2» Ada 10.1.2.3\n")
	if want := "hearth_camera_up{camera=\"«camera 3»\"} 1\nat 2026-11-22T10:17:03.000Z «camera 2» «person» «address»\n"; got != want {
		t.Errorf("%q", got)
	}
}

// What a line says about a camera is said of its alias; what nobody allowed is not said.
func TestLog(t *testing.T) {
	var r Ring
	log := slog.New(r.Beside(slog.NewTextHandler(&strings.Builder{}, nil)))
	log.With("camera", "Camera 2").Warn("run ends", "reason", "connection lost", "codec", "h264", "guest", "Zoe", "error", errors.New("at 10.0.0.1:5"))
	log.WithGroup("g").Info("x", "codec", "Zoe", slog.Group("h", "i", "Zoe"))
	log.Info("renamed", "camera", "Old Attic")
	log.Info("the Old Attic is cold")
	log.Debug("not logged")
	c := family()
	c.HideOf(r.Lines())
	text := ""
	for l := range strings.Lines(c.Log(r.Lines())) {
		_, l, _ = strings.Cut(l, "Z ")
		text += l
	}
	if want := "WARN run ends camera=«camera 1» reason=connection lost codec=h264 guest=«…» error=at «address»\nINFO x «…»=«…» g.h.i=«…»\n" +
		"INFO renamed camera=«a former camera»\nINFO the «a former camera» is cold\n"; text != want {
		t.Errorf("got  %q\nwant %q", text, want)
	}
}

func TestRing(t *testing.T) {
	var r Ring
	log := slog.New(r.Beside(slog.NewTextHandler(&strings.Builder{}, nil)))
	for i := range 3*maxLines + 7 {
		log.Info(fmt.Sprint(i))
	}
	lines := r.Lines()
	if len(lines) != maxLines || lines[0].Message != fmt.Sprint(2*maxLines+7) || lines[maxLines-1].Message != fmt.Sprint(3*maxLines+6) {
		t.Fatalf("%d lines, from %s", len(lines), lines[0].Message)
	}
	for range maxLines {
		log.Info("long", "error", strings.Repeat("word ", maxValue))
	}
	size := 0
	for _, l := range r.Lines() {
		size += l.size()
	}
	if size > maxBytes || size < maxBytes/2 || size != r.bytes || len(r.lines) > 2*maxLines {
		t.Errorf("%d bytes, counted as %d, in %d lines", size, r.bytes, len(r.lines))
	}
	var none *Ring
	if none.Lines() != nil {
		t.Error("no ring has lines")
	}
}

func TestShelf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Shelf
		ada, bob := media.NewUUID(), media.NewUUID()
		first := s.Put(ada, []byte("first"))
		if _, ok := s.Get(bob, first); ok {
			t.Error("another session gets it")
		}
		second, third := s.Put(ada, []byte("second")), s.Put(ada, []byte("third"))
		if _, ok := s.Get(ada, first); ok {
			t.Error("there are three of one session")
		}
		for id, want := range map[media.UUID]string{second: "second", third: "third"} {
			if got, ok := s.Get(ada, id); !ok || string(got) != want {
				t.Errorf("%q, %t", got, ok)
			}
		}
		for range 2 * keptInAll {
			s.Put(media.NewUUID(), make([]byte, maxArchive/4))
		}
		if len(s.kept) > keptInAll || s.size() > maxArchive {
			t.Errorf("%d, %d bytes", len(s.kept), s.size())
		}
		last := s.Put(bob, []byte("x"))
		time.Sleep(keptFor)
		if _, ok := s.Get(bob, last); ok || len(s.kept) > 0 {
			t.Error("it is there for ever")
		}
	})
}

// Somebody may be called as the program is, or have a name of one letter: the texts stay readable.
func TestNoName(t *testing.T) {
	c := NewCloak()
	c.Hide("Hearth", "«user»")
	c.HidePerson("A")
	c.Hide(" ", "«zone»")
	c.Hide("", "«zone»")
	const text = "hearth_commits_total 1\nHearth says a word"
	if got := c.Last(text); got != text {
		t.Errorf("%q", got)
	}
}
