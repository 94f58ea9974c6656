package camera

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hearth/nvr/media"
)

func TestSplitURL(t *testing.T) {
	for _, c := range []struct{ raw, clean, user, pass string }{
		{"rtsp://192.168.1.5/stream1", "rtsp://192.168.1.5/stream1", "", ""},
		{"  RTSP://Cam.lan:8554/a?x=1&y=2 ", "rtsp://Cam.lan:8554/a?x=1&y=2", "", ""},
		{"rtsps://[fe80::1]:322/a", "rtsps://[fe80::1]:322/a", "", ""},
		{"rtsp://admin@10.0.0.2", "rtsp://10.0.0.2", "admin", ""},
		{"rtsp://admin:secret@10.0.0.2:554/s", "rtsp://10.0.0.2:554/s", "admin", "secret"},
		{"rtsp://admin:p%40ss%3Aw%2Frd@h/s", "rtsp://h/s", "admin", "p@ss:w/rd"},
		{"rtsp://admin:p@ss:word@h/s", "rtsp://h/s", "admin", "p@ss:word"},
		{"rtsp://admin:50%!@h/s", "rtsp://h/s", "admin", "50%!"},
		{"rtsp://admin:a/b?c#d@h:554/s", "rtsp://h:554/s", "admin", "a/b?c#d"},
		{"rtsp://admin:päss wörd@h/s", "rtsp://h/s", "admin", "päss wörd"},
		{"rtsp://h/path@with/at", "rtsp://h/path@with/at", "", ""},
		{"rtsp://h:554/user=admin_password=x@y", "rtsp://h:554/user=admin_password=x@y", "", ""},
		{"rtsp://h/a b#c", "rtsp://h/a%20b%23c", "", ""},
		{"rtsp://admin:@h/s", "rtsp://h/s", "admin", ""},
		{"rtsp://:secret@h/s", "rtsp://h/s", "", "secret"},
	} {
		clean, user, pass, err := SplitURL(c.raw)
		if err != nil || clean != c.clean || user != c.user || pass != c.pass {
			t.Errorf("%q: %q %q %q %v; want %q %q %q", c.raw, clean, user, pass, err, c.clean, c.user, c.pass)
		}
	}
	for _, raw := range []string{
		"", "192.168.1.5", "http://h/", "rtsp:/h", "rtsp://", "rtsp:///path", "rtsp://h:0/", "rtsp://h:99999/", "rtsp://h:port/",
		"rtsp://a b/", "rtsp://h:1:2/", "rtsp://[::1/", "rtsp://admin:topsecret@", "rtsp://admin:topsecret@:554/", "rtsp://h/%zz",
	} {
		clean, _, _, err := SplitURL(raw)
		var p *Problem
		if !errors.Is(err, ErrBadAddress) || !errors.As(err, &p) {
			t.Errorf("%q: %q, %v; want ErrBadAddress", raw, clean, err)
		} else if strings.Contains(err.Error(), "topsecret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestSplitURLTakesWhatURLsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user := rapid.StringMatching(`[^\x00-\x1f\x7f"]+`).Draw(t, "user")
		pass := rapid.StringMatching(`[^\x00-\x1f\x7f]*`).Draw(t, "pass")
		host := rapid.StringMatching(`[a-z0-9]{1,9}(\.[a-z]{2,5})?(:[1-9][0-9]{0,3})?`).Draw(t, "host")
		path := rapid.StringMatching(`(/[a-zA-Z0-9_.=&-]{0,8}){0,3}`).Draw(t, "path")
		raw := "rtsp://" + url.UserPassword(user, pass).String() + "@" + host + path
		clean, gotUser, gotPass, err := SplitURL(raw)
		if err != nil || clean != "rtsp://"+host+path || gotUser != user || gotPass != pass {
			t.Fatalf("%q: %q %q %q %v", raw, clean, gotUser, gotPass, err)
		}
		again, u, p, err := SplitURL(clean)
		if err != nil || again != clean || u != "" || p != "" {
			t.Fatalf("the clean address %q does not stay: %q %q %q %v", clean, again, u, p, err)
		}
	})
}

func FuzzSplitURL(f *testing.F) {
	f.Add("rtsp://admin:p@ss@h:554/s?x#y")
	f.Add("rtsps://[::1]:1/%41")
	f.Fuzz(func(t *testing.T, raw string) {
		clean, _, _, err := SplitURL(raw)
		if err != nil {
			if !errors.Is(err, ErrBadAddress) {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		u, err := url.Parse(clean)
		if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "rtsp" && u.Scheme != "rtsps") {
			t.Fatalf("%q gives %q: %v", raw, clean, err)
		}
	})
}

func TestConfigIsHarmlessInPrint(t *testing.T) {
	c := Config{Name: "yard", URL: "rtsp://u:hidden1@h/s", Username: "admin", Password: "hidden2"}
	camera := Camera{Config: c}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, c) + fmt.Sprintf(format, &c) + fmt.Sprintf(format, &camera); strings.Contains(s, "hidden") {
			t.Errorf("%s shows a password: %s", format, s)
		}
	}
}

func TestConfigCheck(t *testing.T) {
	good := Config{URL: "rtsp://h/s"}
	for name, change := range map[string]func(c *Config){
		"transport":               func(c *Config) { c.Transport = "carrier pigeon" },
		"address":                 func(c *Config) { c.URL = "h" },
		"address of the sub":      func(c *Config) { c.DetectURL = "ftp://h" },
		"line end in password":    func(c *Config) { c.Username, c.Password = "a", "x\r\nEvil: 1" },
		"quote in user name":      func(c *Config) { c.Username = `a"b` },
		"line end inside the URL": func(c *Config) { c.URL = "rtsp://u%0d%0a:x@h/s" },
	} {
		c := good
		change(&c)
		if err := c.Check(); !errors.Is(err, ErrBadAddress) {
			t.Errorf("%s: %v, want ErrBadAddress", name, err)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

func TestAddressKeepsPathsAsTheyAre(t *testing.T) {
	for _, path := range []string{"/a@b%20c/d?e=%25", "/Streaming/Channels/101?transportmode=unicast&x=a%2Fb", "/user=admin&password=&channel=1"} {
		c := Config{URL: "rtsp://h" + path, Username: "u@x", Password: "p/w"}
		u, err := c.address(media.Main)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.CloneWithoutCredentials().String(); got != "rtsp://h"+path {
			t.Errorf("%q becomes %q", path, got)
		}
		if p, _ := u.User.Password(); u.User.Username() != "u@x" || p != "p/w" {
			t.Errorf("credentials: %v", u.User)
		}
	}
}

func TestSubCandidates(t *testing.T) {
	for main, sub := range map[string]string{
		"rtsp://h/Streaming/Channels/101":              "rtsp://h/Streaming/Channels/102",
		"rtsp://h:554/Streaming/Channels/1601?a=b":     "rtsp://h:554/Streaming/Channels/1602?a=b",
		"rtsp://h/cam/realmonitor?channel=1&subtype=0": "rtsp://h/cam/realmonitor?channel=1&subtype=1",
		"rtsp://h/h264Preview_01_main":                 "rtsp://h/h264Preview_01_sub",
		"rtsp://h/stream1":                             "rtsp://h/stream2",
		"rtsp://h/videoMain":                           "rtsp://h/videoSub",
		"rtsp://127.0.0.1:8554/yard":                   "rtsp://127.0.0.1:8554/yard/sub",
		"rtsp://h":                                     "rtsp://h/sub",
	} {
		got := subCandidates(main)
		if len(got) == 0 || got[0] != sub {
			t.Errorf("%s: %v, want %s", main, got, sub)
		}
	}
}
