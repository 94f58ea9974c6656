package web

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4/box"
	"hearth/storage"
	"hearth/storage/access"
)

// slidesOf reads how many pictures of which size a preview has, and how long it is.
func slidesOf(t *testing.T, film []byte) (pictures, width int, length time.Duration) {
	t.Helper()
	stbl := []string{"moov", "trak", "mdia", "minf", "stbl"}
	stsz, tkhd, mvhd := box.Find(film, append(stbl, "stsz")...), box.Find(film, "moov", "trak", "tkhd"), box.Find(film, "moov", "mvhd")
	if len(stsz) < 12 || len(tkhd) != 96 || len(mvhd) < 32 {
		t.Fatalf("no preview: %d bytes", len(film))
	}
	return int(binary.BigEndian.Uint32(stsz[8:])), int(binary.BigEndian.Uint32(tkhd[88:]) >> 16),
		time.Duration(binary.BigEndian.Uint64(mvhd[24:])) * time.Second / 90000
}

// decodes has FFmpeg decode a file to the end, where there is one.
func decodes(t *testing.T, film []byte, pictures int) {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Log("there is no ffmpeg to decode it")
		return
	}
	file := filepath.Join(t.TempDir(), "preview.mp4")
	must(t, os.WriteFile(file, film, 0o600))
	out, err := exec.Command(ffmpeg, "-v", "error", "-xerror", "-i", file, "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("it does not decode: %v %s", err, out)
	}
	out, err = exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != fmt.Sprint(pictures) {
		t.Errorf("%s pictures are decoded, want %d: %v", got, pictures, err)
	}
}

// A preview is made of what was recorded: of the small stream where there is one, of the event's own time, for who may see
// its thumbnail; and no larger than that for who may not see the footage.
func TestPreview(t *testing.T) {
	h := build(t, nil)
	start := time.Now().Add(-10 * time.Minute).Truncate(time.Second).UTC()
	both := h.recorded(start) // main: 320 pixels from 0 to 6 s and 10 to 16 s, then 160 to 20 s; sub: 160 pixels to 6 s
	large := h.unreachable("Drive")
	f := h.film(large, media.Main, 800)
	f.run(media.Main, start, 30)
	must(t, f.w.Close())
	h.until("the footage is on the disk", 10*time.Second, func() bool {
		resp, _ := h.owner.send("GET", "/cameras/"+large.String()+"/frame?stream=main&at="+stamp(start.Add(29*time.Second)), nil)
		return resp.StatusCode == 200
	})
	put := func(cam media.CameraID, from, to int, chapters ...storage.Chapter) string {
		e := storage.Event{
			ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: start.Add(time.Duration(from) * time.Second),
			End: start.Add(time.Duration(to) * time.Second), Chapters: chapters,
		}
		must(t, h.store.PutEvent(e))
		return e.ID.String()
	}
	small, mainOnly, wide, nothing := put(both, 1, 5), put(both, 12, 15), put(large, 4, 24), put(large, 300, 310)
	second := storage.Chapter{ID: media.NewUUID(), From: start.Add(20 * time.Second), To: start.Add(24 * time.Second)}
	parts := put(large, 4, 24, storage.Chapter{ID: media.NewUUID(), From: start.Add(4 * time.Second), To: start.Add(8 * time.Second)}, second)

	guest, user := h.as("Cy", access.Guest)
	h.permit(user, both, access.Events)
	cases := []struct {
		name            string
		id              string
		pictures, width int // 0: none, 404
		from, to        int
	}{
		{"of the small stream", small, 3, 160, 0, 4},
		{"of the main stream, which alone is there", mainOnly, 3, 320, 10, 14},
		{"of a larger picture", wide, 12, 800, 2, 24},
		{"of chapters", parts, 8, 800, 2, 24},
		{"of one chapter", parts + "/preview.mp4?chapter=" + second.ID.String(), 4, 800, 18, 24},
		{"of what was not recorded", nothing, 0, 0, 0, 0},
	}
	for _, c := range cases {
		path := "/events/" + c.id
		if !strings.Contains(path, "preview") {
			path += "/preview.mp4"
		}
		resp, film := h.owner.send("GET", path, nil)
		if c.pictures == 0 {
			if resp.StatusCode != 404 || !bytes.Contains(film, []byte(nothingRecorded)) {
				t.Errorf("%s: %d %s", c.name, resp.StatusCode, film)
			}
			continue
		}
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "video/mp4" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", c.name, resp.StatusCode, resp.Header)
			continue
		}
		n, width, length := slidesOf(t, film)
		if n != c.pictures || width != c.width || length < 2990*time.Millisecond || length > 3*time.Second {
			t.Errorf("%s: %d pictures of %d pixels in %v, want %d of %d", c.name, n, width, length, c.pictures, c.width)
		}
		first, err := time.Parse(time.RFC3339Nano, resp.Header.Get("Hearth-Start"))
		if at := int(first.Sub(start).Seconds()); err != nil || at != c.from {
			t.Errorf("%s: it begins at %d s, want %d (%v)", c.name, at, c.from, err)
		}
		decodes(t, film, n)
	}

	// A part of it, as players ask for it.
	resp, film := h.owner.send("GET", "/events/"+wide+"/preview.mp4", nil)
	part := h.owner.open("GET", "/events/"+wide+"/preview.mp4", nil, func(r *http.Request) { r.Header.Set("Range", "bytes=8-15") })
	defer part.Body.Close()
	if part.StatusCode != http.StatusPartialContent || part.Header.Get("Content-Range") != fmt.Sprintf("bytes 8-15/%d", len(film)) {
		t.Errorf("a range: %d %v after %d", part.StatusCode, part.Header, resp.StatusCode)
	}

	// Who may see events sees no more than they would of thumbnails.
	resp, film = guest.send("GET", "/events/"+small+"/preview.mp4", nil)
	if n, width, _ := slidesOf(t, film); resp.StatusCode != 200 || n != 3 || width != 160 {
		t.Errorf("with events: %d, %d pictures of %d pixels", resp.StatusCode, n, width)
	}
	h.permit(user, large, access.Events)
	if resp, raw := guest.send("GET", "/events/"+wide+"/preview.mp4", nil); resp.StatusCode != 404 || !bytes.Contains(raw, []byte(nothingRecorded)) {
		t.Errorf("a large picture with events alone: %d %.80s", resp.StatusCode, raw)
	}
	h.permit(user, large, access.Events, access.Footage)
	if resp, film := guest.send("GET", "/events/"+wide+"/preview.mp4", nil); resp.StatusCode != 200 {
		t.Errorf("a large picture with footage too: %d %.80s", resp.StatusCode, film)
	}
	h.permit(user, large, access.Footage)
	guest.refused(404, "GET", "/events/"+wide+"/preview.mp4", nil)
	h.owner.refused(404, "GET", "/events/"+wide+"/preview.mp4?chapter="+media.NewUUID().String(), nil)

	// It is written down, as a look at a thumbnail is.
	var log struct{ Items []auditLine }
	h.srv.looks.flush(true)
	h.owner.ok("GET", "/audit?action=thumbnail", nil, &log)
	if len(log.Items) < 3 {
		t.Errorf("%d lines in the audit log", len(log.Items))
	}
}

// As many previews as may be made at once are; the next one is told to come again.
func TestPreviewsAtOnce(t *testing.T) {
	h := build(t, nil)
	yard := h.unreachable("Yard")
	e := storage.Event{ID: media.NewUUID(), Camera: yard, Kind: "motion", Start: time.Now()}
	must(t, h.store.PutEvent(e))
	for range previewsAtOnce {
		leave, err := h.srv.previews.within(t.Context(), time.Second, "busy")
		must(t, err)
		defer leave()
	}
	resp, raw := h.owner.send("GET", "/events/"+e.ID.String()+"/preview.mp4", nil)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", resp.StatusCode, raw)
	}
}
