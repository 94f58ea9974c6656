package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// promised is what the box has shown or answered, and so must never lose.
type promised struct {
	names   []int           // by camera: how often its name was changed
	changes int             // answered, of all cameras
	asked   int             // for changes, answered or not
	spans   [][]span        // by camera: what was on the timeline
	events  map[string]bool // by ID: with a thumbnail
}

// try asks the box something that may fail because the power does.
func (a *appliance) try(method, path string, body, out any) error {
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, a.url+"/api/v1"+path, reader)
	if err != nil {
		return err
	}
	req.Header.Set("Origin", a.url)
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode > 299 {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// watch asks the box again and again for what there is, and changes a setting each time, until stop is called. What
// was answered in full is promised.
func (p *plug) watch(t *testing.T) (stop func()) {
	t.Helper()
	var ending atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !ending.Load() {
			if err := p.round(); err != nil {
				// The power may have gone before anybody said so: only what is wrong while it is on counts.
				time.Sleep(200 * time.Millisecond)
				if !ending.Load() {
					t.Errorf("%s: the box does not answer: %v", p.system, err)
				}
				return
			}
			time.Sleep(400 * time.Millisecond) // the box shall record, and not be busy with us
		}
	}()
	return func() {
		ending.Store(true)
		<-done
	}
}

// round asks once for everything.
func (p *plug) round() error {
	metrics, err := p.box.metrics()
	if err != nil {
		return err
	}
	p.commits = append(p.commits, int64(1000*metrics["hearth_commit_seconds"]))
	p.risks = append(p.risks, int64(1000*metrics["hearth_footage_at_risk_seconds"]))
	for i, id := range p.ids {
		var tl timeline
		if err := p.box.try("GET", "/cameras/"+id+"/timeline?"+ever(), nil, &tl); err != nil {
			return err
		}
		p.promise.spans[i] = tl.Spans
	}
	events, err := p.events()
	if err != nil {
		return err
	}
	for _, e := range events {
		p.promise.events[e.ID] = e.HasThumb || p.promise.events[e.ID]
	}
	i := p.promise.asked % powerCameras
	p.promise.asked++
	if err := p.box.try("PATCH", "/cameras/"+p.ids[i], map[string]any{"name": powerName(i, p.promise.asked)}, nil); err != nil {
		return err
	}
	p.promise.names[i] = p.promise.asked
	p.promise.changes++
	return nil
}

// metrics gives those without labels.
func (a *appliance) metrics() (map[string]float64, error) {
	resp, err := a.client.Get(a.url + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	values := make(map[string]float64)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok {
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				values[name] = v
			}
		}
	}
	return values, lines.Err()
}

// ever is the span of all tests.
func ever() string { return fromTo(time.Now().Add(-24*time.Hour), time.Now().Add(24*time.Hour)) }

func (p *plug) events() ([]event, error) {
	var list struct {
		Items []event `json:"items"`
	}
	err := p.box.try("GET", "/events?limit=1000", nil, &list)
	return list.Items, err
}

// holds compares what there is with what was promised.
func (p *plug) holds(t *testing.T) {
	t.Helper()
	for i, id := range p.ids {
		var c camera
		p.box.do(t, "GET", "/cameras/"+id, nil, &c)
		var number, named int
		if _, err := fmt.Sscanf(c.Name, "Camera %d, named %d", &number, &named); err != nil || number != i+1 ||
			named < p.promise.names[i] || named > p.promise.asked {
			t.Errorf("%s: camera %d is called %q, and was named %d before the cut (%d were asked for)", p.system, i+1, c.Name,
				p.promise.names[i], p.promise.asked)
		}
		var tl timeline
		p.box.do(t, "GET", "/cameras/"+id+"/timeline?"+ever(), nil, &tl)
		for _, was := range p.promise.spans[i] {
			if missing := uncovered(was, tl.Spans); missing > time.Millisecond {
				t.Errorf("%s: camera %d: %s of what was on the timeline from %s to %s is gone; now there is %v", p.system, i+1,
					missing, was.From, was.To, tl.Spans)
			}
		}
	}
	events, err := p.events()
	if err != nil {
		t.Fatal(err)
	}
	for id, thumb := range p.promise.events {
		k := slices.IndexFunc(events, func(e event) bool { return e.ID == id })
		switch {
		case k < 0:
			t.Errorf("%s: the event %s is gone", p.system, id)
		case thumb:
			status, picture := p.box.request(t, "GET", "/events/"+id+"/thumbnail.jpg", nil)
			if status != http.StatusOK || len(picture) == 0 {
				t.Errorf("%s: the picture of the event %s is gone: %d", p.system, id, status)
			}
		}
	}
	p.audited(t)
}

// uncovered says how much of a span lies in none of others.
func uncovered(s span, in []span) time.Duration {
	missing := s.To.Sub(s.From)
	for _, x := range in {
		from, to := x.From, x.To
		if from.Before(s.From) {
			from = s.From
		}
		if to.After(s.To) {
			to = s.To
		}
		if to.After(from) {
			missing -= to.Sub(from)
		}
	}
	return missing
}

// audited looks for the line of every change that was answered, and that no number is missing in the log.
func (p *plug) audited(t *testing.T) {
	t.Helper()
	changes, next, above := 0, "", uint64(0)
	for first := true; first || next != ""; first = false {
		var page struct {
			Items []struct {
				ID     uint64 `json:"id,string"`
				Action string `json:"action"`
			} `json:"items"`
			Next string `json:"next"`
		}
		p.box.do(t, "GET", "/audit?limit=1000"+next, nil, &page)
		if next = page.Next; next != "" {
			next = "&cursor=" + next
		}
		for _, line := range page.Items {
			if above != 0 && line.ID != above-1 {
				t.Fatalf("%s: in the audit log, line %d comes after line %d", p.system, above, line.ID)
			}
			above = line.ID
			if line.Action == "camera.change" {
				changes++
			}
		}
	}
	if changes < p.promise.changes || changes > p.promise.asked || above != 1 {
		t.Errorf("%s: the audit log has %d changes and begins with line %d; %d were answered, %d asked for", p.system, changes, above,
			p.promise.changes, p.promise.asked)
	}
}
