package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hearth/nvr/media"
	cameras "hearth/nvr/sim"
)

// A hunt looks for secrets in whatever form they may have got somewhere.
type hunt map[string][][]byte // by what it is

// add adds a secret in all forms that a program may turn it into.
func (h hunt) add(what, secret string) {
	forms := map[string]bool{
		secret: true, url.QueryEscape(secret): true, url.PathEscape(secret): true, url.UserPassword("u", secret).String()[2:]: true,
		hex.EncodeToString([]byte(secret)): true, strings.ToUpper(hex.EncodeToString([]byte(secret))): true,
	}
	if raw, err := json.Marshal(secret); err == nil {
		forms[string(raw[1:len(raw)-1])] = true
	}
	quoted := strconv.Quote(secret)
	forms[quoted[1:len(quoted)-1]] = true
	// In base64 it looks different by how much stands before it, as in "name:password".
	for before := range 3 {
		text := append(make([]byte, before), secret...)
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			whole := enc.EncodeToString(text)
			from, to := (before*8+5)/6, (len(text)*8)/6
			forms[whole[from:to]] = true
		}
	}
	for f := range forms {
		h[what] = append(h[what], []byte(f))
	}
}

// in gives what was found.
func (h hunt) in(haystack []byte) (found []string) {
	for what, forms := range h {
		for _, f := range forms {
			if bytes.Contains(haystack, f) {
				found = append(found, fmt.Sprintf("%s (as %.16q…)", what, f))
				break
			}
		}
	}
	return found
}

// A leak in any form is found, wherever it stands: else the test below would say nothing.
func TestHuntFinds(t *testing.T) {
	const secret = "Pf: 7%/ü&secret?"
	h := hunt{}
	h.add("secret", secret)
	basic := func(user string) string { return base64.StdEncoding.EncodeToString([]byte(user + ":" + secret)) }
	for _, leak := range []string{
		secret, "rtsp://user:" + url.QueryEscape(secret) + "@host/", (&url.URL{Scheme: "rtsp", User: url.UserPassword("me", secret), Host: "h"}).String(),
		"Basic " + basic("a"), "Basic " + basic("ab"), "Basic " + basic("abc"), fmt.Sprintf("%q", secret), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret),
	} {
		if len(h.in([]byte("before "+leak+" behind"))) == 0 {
			t.Errorf("%q is not found", leak)
		}
	}
	if got := h.in([]byte("rtsp://user:***@host/")); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

// TestSecretsStayInside runs a box that is given secrets in every place where one can be, lets things go wrong, and looks
// for them in all that leaves it: logs at debug level, answers, command lines, environments, every file.
func TestSecretsStayInside(t *testing.T) {
	h := hunt{}
	secret := func(what string) string { // none is part of another, and each has characters that get escaped
		s := fmt.Sprintf("Zq%s@ %%/:&%s", hex.EncodeToString([]byte(media.NewUUID().String()[:8])), media.NewUUID().String()[24:])
		h.add(what, s)
		return s
	}
	owner, camera := secret("the owner's password"), secret("the camera's password")
	second := &cameras.Camera{Name: "second", FPS: 5, GOP: 5, User: "viewer", Password: camera, Main: cameras.Video{Width: 320, Height: 180}, Sub: cameras.Video{Width: 160, Height: 90}}
	first := &cameras.Camera{Name: "first", FPS: 5, GOP: 5, User: "viewer", Password: camera, Main: cameras.Video{Width: 320, Height: 180}, Sub: cameras.Video{Width: 160, Height: 90}}
	server := &cameras.Server{Cameras: []*cameras.Camera{first, second}}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	<-server.Ready()
	at := func(c *cameras.Camera, s media.Stream, password string) string {
		u, err := url.Parse(server.URL(c, s))
		if err != nil {
			t.Fatal(err)
		}
		u.User = nil
		if password != "" {
			u.User = url.UserPassword("viewer", password)
		}
		return u.String()
	}

	// The box may dump core as far as its surroundings are concerned, and would do so when it crashes.
	data, cwd := filepath.Join(t.TempDir(), "data"), t.TempDir()
	p := start(t, "/bin/bash", []string{"GOTRACEBACK=crash"}, "-c", `cd "$0" && ulimit -c unlimited && exec "$@"`, cwd,
		bin(t, "hearth"), "serve", "--log-level", "debug", "--data", data, "--listen", "127.0.0.1:0", "--listen-http", "127.0.0.1:0")
	a := &appliance{data: data, process: p}
	a.url = address(a.line(t, "listening", 15*time.Second))
	a.client = newClient(t)
	code, err := os.ReadFile(filepath.Join(data, "setup-code"))
	if err != nil {
		t.Fatal(err)
	}
	h.add("the setup code", strings.TrimSpace(string(code)))
	key, err := os.ReadFile(filepath.Join(data, "box.key"))
	if err != nil {
		t.Fatal(err)
	}
	h.add("the box's key", string(key))

	var answers bytes.Buffer
	ask := func(method, path string, body any) (int, []byte) {
		status, raw := a.request(t, method, path, body)
		fmt.Fprintf(&answers, "%s %s: %d %s\n", method, path, status, raw)
		return status, raw
	}
	must := func(method, path string, body, out any) {
		t.Helper()
		status, raw := ask(method, path, body)
		if status > 299 {
			t.Fatalf("%s %s: %d %s", method, path, status, raw)
		}
		if out != nil {
			if err := json.Unmarshal(raw, out); err != nil {
				t.Fatal(err)
			}
		}
	}
	must("POST", "/setup", map[string]any{"name": ownerName, "password": owner, "code": strings.TrimSpace(string(code))}, nil)
	base, err := url.Parse(a.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range a.client.Jar.Cookies(base) {
		h.add("the session's token", c.Value)
	}
	var made struct{ Token, Secret string }
	a.do(t, "POST", "/me/totp", map[string]any{"password": owner}, &made) // shown this once
	h.add("the authenticator's secret", made.Secret)
	if made.Secret == "" {
		t.Error("no secret of an authenticator")
	}

	// Everywhere a camera's password can be given.
	add := func(settings map[string]any) string {
		var c camera0
		must("POST", "/cameras", settings, &c)
		return c.ID
	}
	one := add(map[string]any{"name": "Porch of Wilhelmina", "url": at(first, media.Main, camera), "detect_url": at(first, media.Sub, camera)})
	two := add(map[string]any{
		"name": "Camera 1", "url": at(second, media.Main, ""), "detect_url": at(second, media.Sub, ""), "username": "viewer", "password": camera,
	})
	a.do(t, "POST", "/tokens", map[string]any{"name": "Display", "grants": []any{map[string]any{"camera": one, "verbs": []string{"live"}}}}, &made)
	h.add("the API token", made.Token)
	for _, id := range []string{one, two} {
		a.online(t, id, 30*time.Second)
	}

	// What goes wrong.
	wrong, moved, odd := secret("a wrong password"), secret("a password that is sent elsewhere"), secret("a password in an odd address")
	add(map[string]any{"name": "Wrong", "url": at(first, media.Main, wrong)})
	add(map[string]any{"name": "Away", "url": "rtsp://viewer:" + url.QueryEscape(wrong) + "@127.0.0.1:9/away"})
	add(map[string]any{"name": "Moved", "url": "rtsp://viewer:" + url.QueryEscape(moved) + "@" + redirecting(t, at(first, media.Main, moved)) + "/x"})
	for _, u := range []string{
		"rtsp://viewer:" + odd + "@127.0.0.1:99999/x", "rtsp://viewer:" + odd + "@[::1/x", "ftp://viewer:" + url.QueryEscape(odd) + "@host/",
		"viewer:" + odd + "@host", "rtsp://" + odd + "@host:port/", "rtsp://viewer:" + url.QueryEscape(odd) + "@127.0.0.1:9/" + strings.Repeat("x", 3000),
	} {
		ask("POST", "/cameras/probe", map[string]any{"url": u})
		ask("POST", "/cameras", map[string]any{"name": "Odd", "url": u, "record": "off"})
		ask("PATCH", "/cameras/"+two, map[string]any{"detect_url": u})
	}
	ask("POST", "/cameras/probe", map[string]any{"url": at(first, media.Main, wrong)})
	ask("POST", "/cameras/probe", map[string]any{"url": at(first, media.Main, ""), "username": "viewer", "password": wrong})
	typed := secret("a password typed wrongly")
	ask("POST", "/session", map[string]any{"name": ownerName, "password": typed})
	ask("POST", "/session", map[string]any{"name": typed, "password": typed}) // into the wrong field
	ask("POST", "/recovery-key", map[string]any{"password": typed})
	ask("PATCH", "/users/00000000-0000-0000-0000-000000000000", map[string]any{"password": typed})
	ask("POST", "/users", map[string]any{"name": "", "password": typed, "role": "owner"})
	for _, raw := range []string{
		`{"name":"Ada","password":"` + typed, `{"password":["` + typed + `"]}`, `{"name":{"x":"` + typed + `"}}`, `"` + typed + `"`,
	} {
		malformed(t, a, &answers, "POST", "/api/v1/session", raw, "")
	}
	malformed(t, a, &answers, "GET", "/api/v1/cameras?token="+url.QueryEscape(typed), "", "Bearer "+typed)
	malformed(t, a, &answers, "GET", "/"+url.PathEscape(typed), "", "Basic "+base64.StdEncoding.EncodeToString([]byte("Ada:"+typed)))
	malformed(t, a, &answers, "BREW", "/api/v1/"+url.PathEscape(typed), "", "hearth_"+typed)
	for _, path := range []string{"/cameras", "/cameras/" + one, "/cameras/" + two, "/settings", "/system", "/storage", "/users", "/audit", "/metrics", "/openapi.json", "/tokens"} {
		ask("GET", path, nil)
	}

	// What an owner hands to who helps holds no name and no address either.
	named := hunt{}
	for what, name := range map[string]string{
		"a camera's name": "Wilhelmina", "an adult's name": "Leopoldine Quist", "a guest's name": "Barnabas", "who was invited": "Cousin Ottokar",
		"who was removed": "Thusnelda", "a token's name": "Display", "the box's name": "Villa Sorgenfri", "the owner's name": ownerName,
		"a camera's host": "127.0.0.1", "a camera's path": "/second/sub", "the data folder": data, "a camera's identity": one, "another's": two,
	} {
		named[what] = [][]byte{[]byte(name)}
	}
	must("PATCH", "/settings", map[string]any{"name": "Villa Sorgenfri"}, nil)
	for name, role := range map[string]string{"Leopoldine Quist": "adult", "Barnabas": "guest", "Thusnelda": "guest"} {
		var person camera0
		must("POST", "/users", map[string]any{"name": name, "password": owner, "role": role}, &person)
		if name == "Thusnelda" {
			must("DELETE", "/users/"+person.ID, nil, nil)
		}
	}
	status, raw := a.request(t, "POST", "/invitations", map[string]any{"name": "Cousin Ottokar", "role": "adult"})
	var invitation struct{ Link string }
	if err := json.Unmarshal(raw, &invitation); status != 201 || err != nil {
		t.Fatalf("%d %v", status, err)
	}
	_, invited, _ := strings.Cut(invitation.Link, "#")
	h.add("an invitation", invited)
	handed := diagnosed(t, a)
	for _, in := range []hunt{h, named} {
		for _, what := range inBundle(t, in, handed) {
			t.Errorf("the diagnostics hold %s", what)
		}
	}
	if all := handed.text(); !strings.Contains(all, "«camera 2»") || strings.Count(all, "\n") < 150 {
		t.Errorf("the diagnostics say next to nothing:\n%s", all)
	}
	for what := range named { // a planted leak is found, in what is shown and in what is saved
		leak := handed
		leak.Files = append(slices.Clone(handed.Files), handedFile{"more.txt", "x" + string(named[what][0]) + "y"})
		if got := inBundle(t, hunt{what: named[what]}, leak); len(got) != 1 {
			t.Errorf("%s, planted, is found %d times", what, len(got))
		}
	}

	// Programs, and one that crashes.
	workers := children(t, p.cmd.Process.Pid)
	if len(workers) == 0 {
		t.Error("no worker runs")
	}
	for _, pid := range append([]int{p.cmd.Process.Pid}, workers...) {
		for _, file := range []string{"cmdline", "environ"} {
			if raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file)); err == nil { // others may not even read it
				fmt.Fprintf(&answers, "%s of %d: %s\n", file, pid, raw)
			}
		}
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.SplitSeq(string(limits), "\n") {
			if f := strings.Fields(l); strings.HasPrefix(l, "Max core file size") && (f[4] != "0" || f[5] != "0") {
				t.Errorf("process %d may dump core: %s", pid, l)
			}
		}
	}
	if len(workers) > 0 {
		if err := syscall.Kill(workers[0], syscall.SIGABRT); err != nil {
			t.Fatal(err)
		}
		eventually(t, 20*time.Second, "the crash of a worker is noticed", func() bool { return !alive(workers[0]) })
	}

	// While it runs, and after it crashed as hard as it can.
	look := func(when string) {
		t.Helper()
		for _, what := range h.in([]byte(p.output())) {
			t.Errorf("%s, the log holds %s", when, what)
		}
		for _, what := range h.in(answers.Bytes()) {
			t.Errorf("%s, an answer or a process holds %s", when, what)
		}
		for _, what := range inFiles(t, h, data) {
			t.Errorf("%s, %s", when, what)
		}
	}
	look("while it runs")
	if err := p.cmd.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		t.Fatal("it lives on after SIGABRT")
	}
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		t.Fatalf("it ended with %v", p.err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGABRT || status.CoreDump() {
		t.Errorf("it ended with %v, want by SIGABRT and without a core", p.err)
	}
	if left, err := os.ReadDir(cwd); err != nil || len(left) > 0 {
		t.Errorf("beside it there are %v, %v", left, err)
	}
	look("after a crash")

	// The hunt does find what is there: the addresses without their passwords are in the database, the log names cameras.
	control := hunt{"a path": {[]byte("/second/sub")}}
	if got := inFiles(t, control, data); len(got) == 0 {
		t.Error("what is known to be in the files is not found in them")
	}
	leak := filepath.Join(data, "media", "planted")
	if err := os.WriteFile(leak, []byte("x"+url.QueryEscape(camera)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := inFiles(t, h, data); len(got) != 1 {
		t.Errorf("a planted leak: %v", got)
	}
}

// camera0 is what is read of an answer here.
type camera0 struct {
	ID string `json:"id"`
}

// handedFile is one text of the diagnostics.
type handedFile struct{ Name, Text string }

// handed is what the diagnostics are: as they were shown, and all bytes that came.
type handed struct {
	ID    string
	Files []handedFile
	raw   []byte // the answer that they were shown in, and what the archive has beside its files
}

func (d handed) text() string {
	var all strings.Builder
	for _, f := range d.Files {
		all.WriteString(f.Name + "\n" + f.Text)
	}
	return all.String()
}

// diagnosed has the box show its diagnostics, saves them, and makes sure that the one is the other.
func diagnosed(t *testing.T, a *appliance) (d handed) {
	t.Helper()
	status, raw := a.request(t, "GET", "/diagnostics", nil)
	if err := json.Unmarshal(raw, &d); status != 200 || err != nil {
		t.Fatalf("the diagnostics: %d %v %.200s", status, err, raw)
	}
	status, archive := a.request(t, "GET", "/diagnostics/"+d.ID+"/zip", nil)
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if status != 200 || err != nil {
		t.Fatalf("the archive: %d %v", status, err)
	}
	saved := handed{}
	d.raw = append(raw, z.Comment...)
	for _, f := range z.File {
		d.raw = append(append(d.raw, f.Comment...), f.Extra...)
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		saved.Files = append(saved.Files, handedFile{f.Name, string(text)})
	}
	if saved.text() != d.text() || len(saved.Files) < 7 {
		t.Errorf("%d files are saved that are not what was shown, %d", len(saved.Files), len(d.Files))
	}
	return d
}

// inBundle looks for what a hunt is after in all that the diagnostics are.
func inBundle(t *testing.T, h hunt, d handed) []string {
	t.Helper()
	return h.in(append([]byte(d.text()), d.raw...))
}

// inFiles looks into every file below a folder, but for the secrets that are files themselves.
func inFiles(t *testing.T, h hunt, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // let go of meanwhile
		} else if err != nil {
			return err
		}
		for _, what := range h.in(raw) {
			if d.Name() == "box.key" && strings.HasPrefix(what, "the box's key") {
				continue
			}
			found = append(found, path+" holds "+what)
		}
		for _, what := range h.in([]byte(path)) {
			found = append(found, "the name "+path+" holds "+what)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// malformed sends a request as it is and keeps the answer.
func malformed(t *testing.T, a *appliance, answers *bytes.Buffer, method, path, body, authorization string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		r.Header["Authorization"] = []string{authorization}
	}
	resp, err := (&http.Client{Transport: a.client.Transport}).Do(r)
	if err != nil {
		return // the client may refuse to send it
	}
	defer resp.Body.Close()
	fmt.Fprintf(answers, "%d %v\n", resp.StatusCode, resp.Header)
	if _, err := answers.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
}

// redirecting is a camera that sends whoever asks elsewhere.
func redirecting(t *testing.T, to string) (address string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buffer := make([]byte, 4096)
				for {
					n, err := c.Read(buffer)
					if err != nil {
						return
					}
					seq := "1"
					for l := range strings.SplitSeq(string(buffer[:n]), "\r\n") {
						if v, ok := strings.CutPrefix(l, "CSeq: "); ok {
							seq = v
						}
					}
					fmt.Fprintf(c, "RTSP/1.0 302 Moved\r\nCSeq: %s\r\nLocation: %s\r\n\r\n", seq, to)
				}
			}()
		}
	}()
	return l.Addr().String()
}

func alive(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(raw), ") Z ")
}
