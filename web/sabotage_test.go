//go:build sabotage

package web

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/media/sabotage"
	"hearth/nvr/sim/h264"
	"hearth/nvr/sim/mark"
	"hearth/storage"
	"hearth/storage/access"
)

// pictures decodes fragmented MP4 and counts which camera drew its pictures, up to what cannot be decoded.
func pictures(raw []byte) (drawn map[uint16]int, err error) {
	drawn = make(map[uint16]int)
	var init, rest []byte
	for at := 0; at+8 <= len(raw); {
		n := int(binary.BigEndian.Uint32(raw[at:]))
		if n < 8 || at+n > len(raw) {
			break // cut off, as an answer that ends with an alarm is
		}
		if kind := string(raw[at+4 : at+8]); kind == "ftyp" || kind == "moov" {
			init = append(init, raw[at:at+n]...)
		} else {
			rest = append(rest, raw[at:at+n]...)
		}
		at += n
	}
	if init == nil {
		return drawn, nil
	}
	i := bytes.Index(init, []byte("avcC")) // configuration record: 5 bytes, a count, SPS with its length, a count, PPS
	if i < 0 {
		return drawn, errors.New("no avcC")
	}
	avcC := init[i+4:]
	n := int(binary.BigEndian.Uint16(avcC[6:]))
	sps := avcC[8 : 8+n]
	pps := avcC[8+n+3:]
	sets := [][]byte{sps, pps[:binary.BigEndian.Uint16(avcC[8+n+1:])]}
	runs, err := fmp4.Parse(rest)
	if err != nil {
		return drawn, err
	}
	var d h264.Decoder
	for _, r := range runs {
		for _, s := range r.Samples {
			nals := slices.Clone(sets)
			for b := s.Data; len(b) >= 4; {
				n := binary.BigEndian.Uint32(b)
				nals, b = append(nals, b[4:4+n]), b[4+n:]
			}
			p, err := d.Decode(nals...)
			if err != nil {
				return drawn, err
			}
			camera, _, ok := mark.Read(p.Y, p.YStride, p.Width, p.Height)
			if !ok {
				return drawn, errors.New("a picture without a mark")
			}
			drawn[camera]++
			sets = nil
		}
	}
	return drawn, nil
}

// out is all that came out of a box under one camera's name.
type out struct {
	drawn map[uint16]int // pictures, by who drew them
	texts []string       // events, thumbnails
	bad   []error        // what cannot be decoded
}

// ask asks for all that there is of a camera.
func (h *house) ask(c *client, cam media.CameraID, events []media.UUID) out {
	h.t.Helper()
	o := out{drawn: make(map[uint16]int)}
	count := func(raw []byte) {
		drawn, err := pictures(raw)
		for camera, n := range drawn {
			o.drawn[camera] += n
		}
		if err != nil {
			o.bad = append(o.bad, err)
		}
	}
	for _, stream := range []string{"main", "sub"} {
		count(h.live(c, cam, stream))
		for _, path := range []string{
			"/footage?stream=" + stream + "&" + fromTo(time.Now().Add(-time.Minute), time.Now().Add(time.Minute)),
			"/frame?stream=" + stream + "&at=" + stamp(time.Now().Add(-time.Second)),
		} {
			resp, raw, _ := c.try("/cameras/" + cam.String() + path)
			if resp != nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "video/mp4") {
				count(raw)
			}
		}
	}
	for _, path := range []string{"/cameras/" + cam.String(), "/events?camera=" + cam.String()} {
		_, raw, _ := c.try(path)
		o.texts = append(o.texts, string(raw))
	}
	for _, id := range events {
		_, raw, _ := c.try("/events/" + id.String() + "/thumbnail.jpg")
		o.texts = append(o.texts, string(raw))
	}
	return o
}

// try sends a request whose answer may be cut off.
func (c *client) try(path string) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(c.t.Context(), "GET", c.base+prefix+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp, raw, err
}

// live is what comes over a live socket in its first moments.
func (h *house) live(c *client, cam media.CameraID, stream string) (raw []byte) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 700*time.Millisecond)
	defer cancel()
	conn, _, err := c.dial(ctx, cam, stream, nil)
	if err != nil {
		return nil
	}
	defer cut(conn)
	inits := 0
	for {
		kind, b, err := conn.Read(ctx)
		if err != nil {
			return raw
		}
		if kind != websocket.MessageBinary {
			continue
		}
		m := parseLive(h.t.(*testing.T), b)
		if m.init {
			inits++
		}
		if inits > 1 {
			return raw // a camera that was started anew: what came before is enough
		}
		raw = append(raw, m.data...)
	}
}

// Two cameras with their numbers in every picture, and a fault in each place where the program could mix them up. No
// picture comes out under the other's name, in no way; there is an alarm in the log, in the metrics and in the audit log.
// With the checks switched off the other's pictures do come out.
func TestSabotagedHouse(t *testing.T) {
	for name, c := range map[string]struct {
		fault   sabotage.Fault
		restart bool // it works from the next connection on
		place   alarm.Place
		blind   []alarm.Place
		without []sabotage.Fault
	}{
		"cameras' streams go to each other's sinks": {
			sabotage.Sinks, true, alarm.Live,
			[]alarm.Place{alarm.Live, alarm.Recording, alarm.Worker},
			nil,
		},
		"a recorder's run is another camera's": {sabotage.WriterRun, true, alarm.Recording, nil, nil},
		"the table of running cameras": {
			sabotage.Running, false, alarm.Live,
			[]alarm.Place{alarm.Live},
			nil,
		},
		"the door asks for another camera": {
			sabotage.DoorCamera, false, alarm.Door,
			[]alarm.Place{alarm.Door},
			nil,
		},
		"the live buffer": {sabotage.GOPCache, false, alarm.Live, []alarm.Place{alarm.Live}, nil},
		"storage takes another camera": {
			sabotage.StoreCamera, false, alarm.Disk,
			[]alarm.Place{alarm.Footage},
			[]sabotage.Fault{sabotage.KeyFollows},
		},
		"pieces in turns": {sabotage.PieceMixed, false, alarm.Footage, []alarm.Place{alarm.Footage}, nil},
		"event rows":      {sabotage.EventRow, false, alarm.Events, []alarm.Place{alarm.Events}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := build(t, nil)
			h.withCameras()
			cams := [2]media.CameraID{h.yard, h.other}
			var events []media.UUID
			for _, cam := range cams {
				id := media.NewUUID()
				must(t, h.store.PutEvent(storage.Event{ID: id, Camera: cam, Kind: "of " + cam.String(), Start: time.Now(), HasThumb: true}))
				must(t, h.store.PutThumbnail(cam, id, time.Now(), []byte("picture of "+cam.String())))
				events = append(events, id)
			}
			again := func() {
				for i, cam := range cams {
					h.owner.ok("PATCH", "/cameras/"+cam.String(), map[string]any{"audio": i == 0}, nil)
					h.owner.ok("PATCH", "/cameras/"+cam.String(), map[string]any{"audio": i != 0}, nil)
				}
			}
			leaks := func(began time.Time) (list []string) {
				time.Sleep(time.Until(began.Add(3 * time.Second))) // something was sent and recorded since
				for i, cam := range cams {
					var own []media.UUID
					if c.fault == sabotage.EventRow {
						own = events[i : i+1]
					}
					o := h.ask(h.owner, cam, own)
					for camera, n := range o.drawn {
						if camera != uint16(i+1) {
							list = append(list, fmt.Sprintf("%d pictures of camera %d under the name of %d", n, camera, i+1))
						}
					}
					for _, err := range o.bad {
						list = append(list, fmt.Sprintf("what comes of camera %d cannot be decoded: %v", i+1, err))
					}
					for _, text := range o.texts {
						if strings.Contains(text, cams[1-i].String()) {
							list = append(list, fmt.Sprintf("camera %d says %s", i+1, text))
						}
					}
				}
				return list
			}
			if list := leaks(time.Now()); len(list) > 0 || len(h.store.Bell().Counts()) > 0 {
				t.Fatalf("without a fault: %v, %v", list, h.store.Bell().Counts())
			}

			sabotage.Plant(t, c.fault, cams[0], cams[1])
			var began time.Time
			if c.restart {
				began = time.Now()
				again()
			}
			if list := leaks(began); len(list) > 0 {
				t.Errorf("it came out: %v", list)
			}
			if n := h.store.Bell().Counts()[c.place]; n == 0 || !strings.Contains(h.logs.String(), "level=ERROR msg=\"ALARM: ") {
				t.Errorf("no alarm in %s: %v", c.place, h.store.Bell().Counts())
			}
			h.until("the alarm in the audit log", 5*time.Second, func() bool {
				_, raw := h.owner.send("GET", "/audit", nil)
				return bytes.Contains(raw, []byte("alarm.mixup"))
			})
			if _, raw := h.owner.send("GET", "/metrics", nil); !bytes.Contains(raw, fmt.Appendf(nil, `hearth_alarms_total{place="%s"} `, c.place)) {
				t.Errorf("the metrics do not count it:\n%s", raw)
			}

			if len(c.blind)+len(c.without) == 0 {
				return
			}
			for _, p := range c.blind {
				sabotage.CloseEyes(t, string(p))
			}
			for _, f := range c.without {
				sabotage.Plant(t, f, cams[0], cams[1])
			}
			if c.restart {
				began = time.Now()
				again()
			}
			if list := leaks(began); len(list) == 0 {
				t.Error("without the check nothing comes out either: the fault is none")
			}
			sabotage.Heal()
		})
	}
}

// A request gets the session of another one, as a cache or a pool that mixes requests up would give it: the worst that
// can happen, since all that follows is decided for somebody else. Nobody is let in.
func TestSabotagedSession(t *testing.T) {
	h := build(t, nil)
	yard := h.unreachable("Yard")
	guest, _ := h.as("Cy", access.Guest)
	guest.refused(http.StatusNotFound, "GET", "/cameras/"+yard.String(), nil)
	h.owner.ok("GET", "/cameras/"+yard.String(), nil, nil)

	sabotage.Plant(t, sabotage.DoorSession, yard, yard)
	guest.refused(http.StatusUnauthorized, "GET", "/cameras/"+yard.String(), nil)
	if n := h.store.Bell().Counts()[alarm.Door]; n != 1 {
		t.Errorf("%d alarms", n)
	}
	sabotage.CloseEyes(t, string(alarm.Door))
	if resp, _ := guest.send("GET", "/cameras/"+yard.String(), nil); resp.StatusCode != http.StatusOK {
		t.Errorf("the fault is none: %d", resp.StatusCode)
	}
	sabotage.Heal()
}

// News of one camera bear the name of another.
func TestSabotagedNews(t *testing.T) {
	h := build(t, nil)
	yard, nursery := h.unreachable("Yard"), h.unreachable("Nursery")
	guest, id := h.as("Cy", access.Guest)
	h.permit(id, yard, access.Live)
	told := func() (names []string) {
		reader := guest.news()
		h.owner.ok("PATCH", "/cameras/"+nursery.String(), map[string]any{"name": "Nursery"}, nil)
		h.owner.ok("PATCH", "/cameras/"+yard.String(), map[string]any{"name": "Yard"}, nil)
		time.AfterFunc(time.Second, func() { reader.resp.Body.Close() })
		for {
			_, data, err := reader.next()
			if err != nil {
				return names
			}
			names = append(names, data)
		}
	}
	settings := func(list []string) (n int) {
		for _, data := range list {
			if strings.Contains(data, "settings") {
				n++
			}
		}
		return n
	}
	if n := settings(told()); n != 1 {
		t.Fatalf("without a fault %d are told, want the yard's", n)
	}
	sabotage.Plant(t, sabotage.NewsLabel, yard, nursery)
	if list := told(); settings(list) != 0 || h.store.Bell().Counts()[alarm.News] < 2 {
		t.Errorf("told %v, %v", list, h.store.Bell().Counts())
	}
	sabotage.CloseEyes(t, string(alarm.News))
	if n := settings(told()); n != 1 { // that of the nursery, as of the yard
		t.Errorf("the fault is none: %d", n)
	}
	sabotage.Heal()
}

// The other camera's sealed password lies in a camera's record: it must not be sent to this camera.
func TestSabotagedPassword(t *testing.T) {
	h := build(t, nil)
	add := func(name, password string) media.CameraID {
		var view cameraView
		h.owner.ok("POST", "/cameras", map[string]any{
			"name": name, "url": "rtsp://127.0.0.1:9/" + strings.ToLower(name), "username": "u", "password": password, "record": "off",
		}, &view)
		return view.ID
	}
	yard, nursery := add("Yard", "first secret"), add("Nursery", "second secret")
	sabotage.Plant(t, sabotage.PasswordRow, yard, nursery)
	resp, raw := h.owner.send("PATCH", "/cameras/"+yard.String(), map[string]any{"audio": false})
	if resp.StatusCode < 400 || h.store.Bell().Counts()[alarm.Password] == 0 {
		t.Errorf("%d %s, %v", resp.StatusCode, raw, h.store.Bell().Counts())
	}
	if strings.Contains(h.logs.String(), "second secret") {
		t.Error("the password is in the log")
	}
	sabotage.CloseEyes(t, string(alarm.Password))
	h.owner.ok("PATCH", "/cameras/"+yard.String(), map[string]any{"audio": true}, nil)
	sabotage.Heal()
}

// footageOf pretends to be one camera's footage with a piece of another camera in it.
type footageOf struct {
	list []storage.Piece
}

func (f *footageOf) Next() (storage.Piece, error) {
	if len(f.list) == 0 {
		return storage.Piece{}, io.EOF
	}
	p := f.list[0]
	f.list = f.list[1:]
	return p, nil
}

func (f *footageOf) Close() error { return nil }

// Playback joins pieces; one that says it is of another camera ends it.
func TestSabotagedJoint(t *testing.T) {
	h := build(t, nil)
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	one, two := h.recorded(start), h.recorded(start)
	all := func(cam media.CameraID) (list []storage.Piece) {
		g, err := h.store.Access().Authorize(h.person(), cam, access.Footage)
		must(t, err)
		f, err := h.store.Footage(g, media.Main, start, start.Add(time.Minute))
		must(t, err)
		defer f.Close()
		for {
			p, err := f.Next()
			if errors.Is(err, io.EOF) {
				return list
			}
			must(t, err)
			list = append(list, p)
		}
	}
	mixed := all(one)
	mixed[2] = all(two)[2]
	g, err := h.store.Access().Authorize(h.person(), one, access.Footage)
	must(t, err)
	j, _, err := begun(g, &footageOf{mixed}, start, false)
	for err == nil {
		var p storage.Piece
		if p, err = j.next(); err == nil && p.Origin.Header.Camera != one {
			t.Error("a piece of another camera was given out")
		}
	}
	if !errors.Is(err, storage.ErrForged) {
		t.Errorf("it ends with %v", err)
	}
}

// person is the owner's identity.
func (h *house) person() media.UUID {
	h.t.Helper()
	var me struct{ ID media.UUID }
	_, raw := h.owner.send("GET", "/session", nil)
	if err := json.Unmarshal(raw, &me); err != nil || me.ID.IsZero() {
		h.t.Fatalf("%v in %s", err, raw)
	}
	return me.ID
}
