package web

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"hearth/nvr/camera"
	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/box"
	"hearth/web/diagnostics"
)

// Bounds of one bundle.
const (
	gapsFor  = 24 * time.Hour
	gapsMost = 200 // of a camera
)

func aliasOf(what string, i int) string { return fmt.Sprintf("«%s %d»", what, i+1) }

// diagnosis is a bundle in the making.
type diagnosis struct {
	s       *Server
	cloak   *diagnostics.Cloak
	made    time.Time
	cameras []box.Camera
	grants  map[media.CameraID]access.Grant
	usage   storage.Usage
	files   []diagnostics.File
}

// sheet is one file in the making. What is no word or number of Hearth's own goes through the cloak's Text first.
type sheet struct{ strings.Builder }

func (s *sheet) line(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

// diagnose writes all files for an owner. Times are UTC: where a house lies can be told by its hours.
func (s *Server) diagnose(v *visitor, made time.Time) ([]diagnostics.File, error) {
	lines := s.Recent.Lines()
	c, err := s.cloak(lines)
	if err != nil {
		return nil, err
	}
	c.Hide(s.Dir, "<data>")
	d := &diagnosis{s: s, cloak: c, made: made, usage: s.Store.Usage(), grants: make(map[media.CameraID]access.Grant)}
	if d.cameras, err = s.Store.Box().Cameras(); err != nil {
		return nil, err
	}
	grants, err := s.access().AuthorizeAllIn(v.session, access.Footage)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		d.grants[g.Camera()] = g
	}
	for _, f := range []struct {
		name  string
		write func(*sheet) error
	}{
		{"box.txt", d.box},
		{"cameras.txt", d.allCameras},
		{"gaps.txt", d.gaps},
		{"storage.txt", d.storage},
		{"people.txt", d.people},
		{"metrics.txt", d.metrics},
	} {
		var text sheet
		if err := f.write(&text); err != nil {
			return nil, err
		}
		d.add(f.name, text.String())
	}
	d.add("log.txt", c.Log(lines))
	return d.files, nil
}

func (d *diagnosis) add(name, text string) {
	d.files = append(d.files, diagnostics.File{Name: name, Text: d.cloak.Last(text)})
}

var release = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*`)

func (d *diagnosis) box(f *sheet) error {
	f.line("Hearth %s, %s, %s/%s, %d processors", d.s.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if raw, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		f.line("kernel: %s", release.FindString(string(raw)))
	}
	f.line("made: %s", moments(d.made))
	f.line("started: %s, %s ago", moments(d.s.started), d.made.Sub(d.s.started).Round(time.Second))
	families, err := d.s.meter.registry.Gather()
	if err != nil {
		return err
	}
	for _, m := range families {
		words, ok := map[string]string{
			"process_cpu_seconds_total": "processor time of hearth, seconds: %.1f", "process_resident_memory_bytes": "memory of hearth, bytes: %.0f",
			"process_open_fds": "open files: %.0f", "process_max_fds": "open files at most: %.0f", "go_goroutines": "goroutines: %.0f",
		}[m.GetName()]
		if ok && len(m.GetMetric()) == 1 { // one of the two is there
			f.line(words, m.GetMetric()[0].GetGauge().GetValue()+m.GetMetric()[0].GetCounter().GetValue())
		}
	}
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		for l := range strings.Lines(string(raw)) {
			if strings.HasPrefix(l, "MemTotal:") || strings.HasPrefix(l, "MemAvailable:") || strings.HasPrefix(l, "SwapFree:") {
				f.line("%s", strings.Join(strings.Fields(l), " "))
			}
		}
	}
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		f.line("load: %s", strings.TrimSpace(string(raw)))
	}
	if c := d.s.boxClock(); c != nil {
		f.line("clock: known %t, from %q", c.Known, c.Source)
		d.problem(f, "clock", c.Problem)
		if c.Set != nil {
			f.line("clock was set: %s, by %.3f s", moments(*c.Set), c.SetBy)
		}
	}
	p := d.s.Cameras.HousePrivacy()
	f.line("private as a whole: %t, private hours: %d", p.On, len(p.Schedule))
	f.line("names of its own: %d", len(d.s.Hosts))
	d.s.remote.mu.Lock()
	record, open, trouble := d.s.remote.record, d.s.remote.tunnel != nil, d.s.remote.trouble
	d.s.remote.mu.Unlock()
	f.line("remote access: on %t, open %t, UDP port %d, IPv6 %t, endpoint set %t, devices seen by it: %d",
		record.Enabled, open, record.Port, !record.NoIPv6, record.Endpoint != "", len(d.s.remote.states()))
	if trouble != nil {
		d.problem(f, "remote access", trouble.Error())
	}
	alarms := d.s.Store.Bell().Counts()
	f.line("alarms (something of one camera where only another's may be): %d kinds", len(alarms))
	for _, place := range slices.Sorted(maps.Keys(alarms)) {
		f.line("  %s: %d", place, alarms[place])
	}
	for _, t := range d.s.Store.AuditTrouble() {
		d.problem(f, "log of who has looked", t)
	}
	return nil
}

func (d *diagnosis) problem(f *sheet, of, text string) {
	if text != "" {
		f.line("%s, problem: %s", of, d.cloak.Text(text))
	}
}

func (d *diagnosis) allCameras(f *sheet) error {
	f.line("%d cameras", len(d.cameras))
	for i, c := range d.cameras {
		f.line("\n%s", aliasOf("camera", i))
		scheme, _, _ := strings.Cut(c.URL, "://")
		f.line("  settings: %s over %s, record %s, sound %t, small stream given %t, password %t", d.cloak.Text(scheme), c.Transport, c.Record, c.Audio,
			c.DetectURL != "", len(c.Password) > 0)
		f.line("  limits: %d bytes, %d days, %d days around events; on %s", c.LimitBytes, c.LimitDays, c.LimitEventDays, d.disk(c.Volume))
		f.line("  motion: off %t, sensitivity %.2f, zones %d, masks %d, attentive %t", c.Motion.Off, c.Motion.Sensitivity, len(c.Motion.Zones),
			len(c.Motion.Masks), c.Motion.Attentive)
		f.line("  known again by something: %t; another answered in its place: %d times lately", c.Pins != nil, len(c.Strangers))
		state, err := d.s.Cameras.State(d.grants[c.ID])
		if err != nil { // just being started or stopped
			f.line("  does not run")
			continue
		}
		f.line("  state: %s since %s; viewers %d", state.Status, moments(state.Since), state.Viewers)
		d.problem(f, "  state", state.Problem)
		for stream, info := range []*camera.StreamInfo{state.Main, state.Sub} {
			d.stream(f, media.Stream(stream), info)
			if came, ok := state.Came[media.Stream(stream)]; ok && info != nil {
				f.line("    came in: %+v", came)
			}
			if r, ok := state.Recording[media.Stream(stream)]; ok && info != nil {
				f.line("    recording %t, fragments %d, bytes %d, dropped %d, dropped units %d, newest %s", r.Recording, r.Fragments, r.Bytes, r.Dropped,
					r.DroppedUnits, moments(r.Last))
			}
		}
		w := state.Vision
		f.line("  worker: decoder %q, mode %s, restarts %d, cpu %.1f s, memory %d, looks %d, dropped %d, skipped %d, bad %d", d.cloak.Text(w.Decoder),
			w.Mode, w.Restarts, w.CPU, w.RSS, w.Looks, w.Dropped, w.Skipped, w.Bad)
		f.line("    %s because %s; hint trusted %.2f (%s), %d of %d right; %.2f s of processor a minute, %d of %d pictures decoded in %.0f s", w.Mode,
			w.Why, w.Hint.Trust, w.Hint.Why, w.Hint.Right, w.Hint.Led, w.Cost.CPU, w.Cost.Decoded, w.Cost.Received, w.Cost.Seconds)
		f.line("    closed to it: %s", d.cloak.Text(w.Sandbox))
		d.problem(f, "    not closed to it", w.Unprotected)
		d.problem(f, "  worker", w.Problem)
	}
	return nil
}

func (d *diagnosis) stream(f *sheet, stream media.Stream, i *camera.StreamInfo) {
	if i == nil {
		return
	}
	f.line("  %s: %s since %s, %s %d x %d, %.1f pictures/s, %d bit/s, sound %q, over %q", stream, i.Status, moments(i.Since), i.Codec, i.Width, i.Height,
		i.FPS, i.BitsPerSecond, i.Audio, i.Transport)
	d.problem(f, "    "+stream.String(), i.Problem)
	d.problem(f, "    "+stream.String()+" sound", i.AudioProblem)
}

// gaps lists what is missing of the last day. When somebody moved or wanted to be private says much about a house: of that
// there are sums only.
func (d *diagnosis) gaps(f *sheet) error {
	f.line("What is missing of the last %s. Of hours in which nothing moved or a camera was private there are sums only.", gapsFor)
	for i, c := range d.cameras {
		t, err := d.s.Store.Timeline(d.grants[c.ID], d.made.Add(-gapsFor), d.made)
		if err != nil {
			return err
		}
		sums := make(map[string]time.Duration)
		f.line("\n%s: recorded in %d pieces, %d gaps", aliasOf("camera", i), len(t.Spans), len(t.Gaps))
		listed := 0
		for _, g := range t.Gaps {
			length := g.To.Sub(g.From)
			if g.Reason == "nothing moved" || g.Reason == storage.Private {
				sums[g.Reason] += length
				continue
			}
			if listed++; listed <= gapsMost {
				f.line("  %s, %s: %s", moments(g.From), length.Round(time.Millisecond), d.cloak.Text(g.Reason))
			}
		}
		if listed > gapsMost {
			f.line("  and %d more", listed-gapsMost)
		}
		for _, reason := range slices.Sorted(maps.Keys(sums)) {
			f.line("  %s: %s in all", reason, sums[reason].Round(time.Second))
		}
	}
	return nil
}

func (d *diagnosis) disk(id media.UUID) string {
	for i, v := range d.usage.Volumes {
		if v.ID == id || i == 0 && id.IsZero() {
			return aliasOf("disk", i)
		}
	}
	return "an unknown disk"
}

func (d *diagnosis) storage(f *sheet) error {
	u := d.usage
	f.line("footage: %d bytes, limit %d; full %t; days at this rate %.1f; oldest %s", u.Bytes, u.Limit, u.Full, u.Days, moments(u.Oldest))
	f.line("commits: %d, last %s, all %s; at risk %s", u.Commits, u.CommitTime, u.CommitTotal, u.AtRisk)
	f.line("writes: %d calls, %d bytes, %d syncs, %d failures; fragments dropped %d", u.WriteCalls, u.WrittenBytes, u.Syncs, u.WriteFailures, u.Dropped)
	for i, v := range u.Volumes {
		f.line("%s: %s since %s, footage %d, free %d of %d, kept free %d, at risk %s, last commit %s", aliasOf("disk", i), v.State, moments(v.Since), v.Bytes,
			v.Free, v.Size, v.Floor, v.AtRisk, v.CommitTime)
		d.problem(f, "  "+aliasOf("disk", i), v.Problem)
	}
	for i, c := range d.cameras {
		x := u.Cameras[c.ID]
		f.line("%s: %d bytes, oldest %s, days at this rate %.1f, around events %.1f, dropped %d", aliasOf("camera", i), x.Bytes, moments(x.Oldest), x.Days,
			x.EventDays, x.Dropped)
	}
	r := d.s.Store.Recovery()
	f.line("recovery key made: %s; last snapshot: %s", moments(r.Made), moments(r.LastSnapshot))
	d.problem(f, "snapshots", r.Problem)
	return nil
}

func (d *diagnosis) people(f *sheet) error {
	people, err := d.s.access().People()
	if err != nil {
		return err
	}
	roles := make(map[access.Role]int)
	factors, grants, sessions := 0, 0, 0
	for _, p := range people {
		roles[p.Role]++
		has, err := d.s.access().Factors(p.ID)
		if err != nil {
			return err
		}
		if has.TOTP {
			factors++
		}
		list, err := d.s.access().Permissions(p.ID)
		if err != nil {
			return err
		}
		grants += len(list)
		open, err := d.s.access().Sessions(p)
		if err != nil {
			return err
		}
		sessions += len(open)
	}
	tokens, err := d.s.access().Tokens(media.UUID{})
	if err != nil {
		return err
	}
	invitations, err := d.s.access().Invitations()
	if err != nil {
		return err
	}
	f.line("owners %d, adults %d, guests %d; with a second factor %d", roles[access.Owner], roles[access.Adult], roles[access.Guest], factors)
	f.line("grants %d, sessions %d, tokens %d, invitations %d", grants, sessions, len(tokens), len(invitations))
	return nil
}

// pathLabel is where a disk is mounted; its number is beside it.
var pathLabel = regexp.MustCompile(`\bpath="(?:[^"\\]|\\.)*",?`)

func (d *diagnosis) metrics(f *sheet) error {
	var all []access.Grant
	for _, c := range d.cameras {
		if g, ok := d.grants[c.ID]; ok {
			all = append(all, g)
		}
	}
	h, err := d.s.metricsFor(all)
	if err != nil {
		return err
	}
	w := &written{header: make(http.Header)}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "/metrics", nil)
	if err != nil {
		return err
	}
	h.ServeHTTP(w, r)
	if w.status > http.StatusOK {
		return fmt.Errorf("the metrics cannot be gathered: status %d", w.status)
	}
	for l := range strings.Lines(w.String()) {
		if !strings.HasPrefix(l, "# ") { // what each one means is in docs/ref
			f.WriteString(pathLabel.ReplaceAllString(l, ""))
		}
	}
	return nil
}

// written is an answer that stays here.
type written struct {
	bytes.Buffer
	header http.Header
	status int
}

func (w *written) Header() http.Header    { return w.header }
func (w *written) WriteHeader(status int) { w.status = status }

// moments is a time in UTC, to the millisecond.
func moments(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
