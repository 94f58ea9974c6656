package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// runHearth runs a command of hearth that ends by itself.
func runHearth(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	cmd := exec.Command(bin(t, "hearth"), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// refusal finds the one line in which hearth says why it does not start, between its log lines.
func refusal(t *testing.T, stderr string) string {
	t.Helper()
	if strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, ".go:") {
		t.Errorf("a stack trace instead of a sentence:\n%s", stderr)
	}
	var lines []string
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "hearth: ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) != 1 {
		t.Errorf("want one line that says why, got %d:\n%s", len(lines), stderr)
		return ""
	}
	return lines[0]
}

func TestRefusesToStart(t *testing.T) {
	t.Parallel()
	serveArgs := func(data, listen string) []string {
		return []string{"serve", "--data", data, "--listen", listen, "--listen-http", ""}
	}

	t.Run("port in use", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		code, _, stderr := runHearth(t, serveArgs(filepath.Join(t.TempDir(), "data"), l.Addr().String())...)
		if line := refusal(t, stderr); code != 1 || !strings.Contains(line, "in use") {
			t.Errorf("exit %d, %q", code, line)
		}
	})

	t.Run("data folder cannot be written", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "a-file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := runHearth(t, serveArgs(filepath.Join(file, "data"), "127.0.0.1:0")...)
		if line := refusal(t, stderr); code != 1 || !strings.Contains(line, "data") {
			t.Errorf("exit %d, %q", code, line)
		}
		// Root writes where permissions say no; /proc refuses root too.
		code, _, stderr = runHearth(t, serveArgs("/proc/hearth", "127.0.0.1:0")...)
		if line := refusal(t, stderr); code != 1 || !strings.Contains(line, "/proc/hearth") {
			t.Errorf("exit %d, %q", code, line)
		}
	})

	t.Run("second process on the folder", func(t *testing.T) {
		a := serve(t, "")
		code, _, stderr := runHearth(t, serveArgs(a.data, "127.0.0.1:0")...)
		if line := refusal(t, stderr); code != 1 || !strings.Contains(line, "another hearth is running") {
			t.Errorf("exit %d, %q", code, line)
		}
	})

	t.Run("damaged hearth.db", func(t *testing.T) {
		a := serve(t, "")
		a.stop(t)
		path := filepath.Join(a.data, "hearth.db")
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		broken := append([]byte(strings.Repeat("not a database. ", 1024)), whole[16*1024:]...)
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := runHearth(t, serveArgs(a.data, "127.0.0.1:0")...)
		if line := refusal(t, stderr); code != 1 || !strings.Contains(line, "hearth.db") || !strings.Contains(line, "damaged") {
			t.Errorf("exit %d, %q", code, line)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(broken) {
			t.Error("the damaged file was touched; somebody may still be able to rescue it")
		}
	})

	t.Run("wrong usage", func(t *testing.T) {
		code, _, stderr := runHearth(t, "serve", "--no-such-flag")
		if line := refusal(t, stderr); code != 64 || !strings.Contains(line, "no-such-flag") {
			t.Errorf("exit %d, %q", code, line)
		}
	})
}

// TestBadCameras tries addresses that are no use, in the API and on the command line.
func TestBadCameras(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close) // the parallel tests below outlive this function
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })

	url := sim(t, "--cameras", "1", "--size", "320x180", "--sub-size", "160x90", "--password", "sesame")[0]
	host := url[strings.Index(url, "@")+1:]
	dir := t.TempDir()
	vp8 := filepath.Join(dir, "vp8.webm")
	tool(t, "ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=15:d=20", "-c:v", "libvpx", "-deadline", "realtime", "-g", "30", vp8)
	port := freePort(t)
	start(t, "/usr/bin/python3", []string{"GST_USER=viewer", "GST_PASSWORD=x"}, "gst/server.py", port, "vp8=vp8:"+vp8).line(t, "ready", 20*time.Second)

	a := serve(t, "")
	for _, c := range []struct {
		name, url, user, password string
		want                      []string // words that the sentence has
	}{
		{"no address", "hello", "", "", []string{"address"}},
		{"not RTSP's scheme", "http://127.0.0.1/", "", "", []string{"rtsp"}},
		{"nobody there", "rtsp://127.0.0.1:1/x", "", "", []string{"127.0.0.1"}},
		{"a web server", strings.Replace(web.URL, "http://", "rtsp://", 1) + "/x", "", "", []string{"web server"}},
		{"a silent server", "rtsp://" + silent.Addr().String() + "/x", "", "", []string{"silent"}},
		{"wrong password", "rtsp://" + host, "hearth", "guess", []string{"password"}},
		{"no password", "rtsp://" + host, "", "", []string{"password"}},
		{"no such stream", "rtsp://" + strings.Replace(host, "camera1", "nothing", 1), "hearth", "sesame", []string{"stream"}},
		{"a codec that Hearth does not know", "rtsp://127.0.0.1:" + port + "/vp8", "viewer", "x", []string{"H.264"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, body := a.request(t, "POST", "/cameras/probe", map[string]any{"url": c.url, "username": c.user, "password": c.password})
			var problem struct {
				Detail string `json:"detail"`
				Errors []struct {
					Location string `json:"location"`
					Message  string `json:"message"`
				} `json:"errors"`
			}
			if err := json.Unmarshal(body, &problem); err != nil {
				t.Fatalf("%d %s: %v", status, body, err)
			}
			if status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
				t.Errorf("status %d, want 400 or 422", status)
			}
			if len(problem.Errors) == 0 || problem.Errors[0].Location == "" {
				t.Errorf("no field: %s", body)
			}
			text := problem.Detail
			for _, e := range problem.Errors {
				text += " " + e.Message
			}
			t.Log(text)
			for _, w := range c.want {
				if !strings.Contains(strings.ToLower(text), strings.ToLower(w)) {
					t.Errorf("%q says nothing of %q", text, w)
				}
			}
			if c.password != "" && len(c.password) > 2 && strings.Contains(text, c.password) {
				t.Error("the password is in the problem")
			}
		})
	}

	t.Run("on the command line", func(t *testing.T) {
		code, _, stderr := runHearth(t, "probe", strings.Replace(url, "sesame", "guess", 1))
		if line := refusal(t, stderr); code != 1 || !strings.Contains(line, "password") || strings.Contains(stderr, "guess") {
			t.Errorf("exit %d, %q", code, line)
		}
		code, stdout, _ := runHearth(t, "probe", url)
		if code != 0 || !strings.Contains(stdout, "h264 320x180") {
			t.Errorf("exit %d, %q", code, stdout)
		}
	})
}
