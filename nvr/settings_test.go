package nvr

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"hearth/nvr/hardware"
	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
	"hearth/storage"
	"hearth/storage/box"
)

func newCameras(t *testing.T) *Cameras {
	t.Helper()
	store, err := storage.Open(storage.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return NewCameras(store, "/nonexistent/hearth-vision", slog.New(slog.DiscardHandler))
}

func TestSettleSealsPasswords(t *testing.T) {
	t.Parallel()
	c := newCameras(t)
	id := media.NewCameraID()

	got, err := c.settle(box.Camera{ID: id}, CameraSettings{Name: " Yard ", URL: "rtsp://ada:p%40ss%3A%2F@10.0.0.7:554/main?x=1"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "Yard" || got.Username != "ada" || got.Transport != "tcp" || got.Record != "continuous" {
		t.Errorf("settled to %+v", got)
	}
	if strings.Contains(got.URL, "ada") || strings.Contains(got.URL, "p%40ss") {
		t.Errorf("the address still carries a secret: %s", got.URL)
	}
	if bytes.Contains(got.Password, []byte("p@ss:/")) {
		t.Error("the password is not sealed")
	}
	if plain, err := c.password(got); err != nil || plain != "p@ss:/" {
		t.Errorf("the sealed password opens to %q, %v", plain, err)
	}

	t.Run("another camera's id does not open it", func(t *testing.T) {
		other := got
		other.ID = media.NewCameraID()
		if plain, err := c.password(other); err == nil {
			t.Errorf("opened to %q", plain)
		}
	})
	t.Run("left out, it stays", func(t *testing.T) {
		again, err := c.settle(got, CameraSettings{Name: "Yard", URL: got.URL, Username: "ada"})
		if err != nil || !bytes.Equal(again.Password, got.Password) {
			t.Errorf("%v, password changed: %v", err, !bytes.Equal(again.Password, got.Password))
		}
	})
	t.Run("it is not told to another host", func(t *testing.T) {
		for _, other := range []CameraSettings{
			{URL: "rtsp://10.0.0.8:554/main?x=1"},
			{URL: "rtsp://10.0.0.7:5544/main?x=1"},
			{URL: got.URL, DetectURL: "rtsp://10.0.0.8/sub"},
		} {
			other.Name, other.Username = "Yard", "ada"
			var f *FieldError
			if _, err := c.settle(got, other); !errors.As(err, &f) || f.Field != "password" {
				t.Errorf("%s, %s: %v", other.URL, other.DetectURL, err)
			}
			word := "p@ss:/"
			other.Password = &word
			if _, err := c.settle(got, other); err != nil {
				t.Errorf("with the password: %v", err)
			}
		}
		if _, err := c.settle(got, CameraSettings{Name: "Yard", Username: "ada", URL: "rtsp://10.0.0.7:554/other", DetectURL: "rtsp://10.0.0.7:554/sub"}); err != nil {
			t.Errorf("another path of the same host: %v", err)
		}
	})
	t.Run("without a user there is none", func(t *testing.T) {
		again, err := c.settle(got, CameraSettings{Name: "Yard", URL: got.URL})
		if err != nil || again.Password != nil {
			t.Errorf("%v, %v", err, again.Password)
		}
	})
}

func TestSettleRefuses(t *testing.T) {
	t.Parallel()
	c := newCameras(t)
	for what, s := range map[string]CameraSettings{
		"name: none":                     {URL: "rtsp://10.0.0.7/"},
		"name: too long":                 {Name: strings.Repeat("ä", 61), URL: "rtsp://10.0.0.7/"},
		"name: a line break":             {Name: "Yard\nlevel=ERROR", URL: "rtsp://10.0.0.7/"},
		"name: no text":                  {Name: "Yard\xff", URL: "rtsp://10.0.0.7/"},
		"url: not of a camera":           {Name: "Yard", URL: "http://10.0.0.7/"},
		"detect_url: none":               {Name: "Yard", URL: "rtsp://10.0.0.7/", DetectURL: "::"},
		"transport: unknown":             {Name: "Yard", URL: "rtsp://10.0.0.7/", Transport: "pigeon"},
		"record: unknown":                {Name: "Yard", URL: "rtsp://10.0.0.7/", Record: "sometimes"},
		"record: nobody would tell when": {Name: "Yard", URL: "rtsp://10.0.0.7/", Record: "motion", Motion: media.MotionSettings{Off: true}},
		"motion.zones[0].polygon: an hourglass": {Name: "Yard", URL: "rtsp://10.0.0.7/", Motion: media.MotionSettings{
			Zones: []media.Zone{{Name: "Door", Polygon: media.Polygon{{0.1, 0.1}, {0.4, 0.4}, {0.4, 0.1}, {0.1, 0.4}}}},
		}},
		"limits: below zero": {Name: "Yard", URL: "rtsp://10.0.0.7/", LimitDays: -1},
	} {
		_, err := c.settle(box.Camera{ID: media.NewCameraID()}, s)
		var f *FieldError
		if !errors.As(err, &f) || !strings.HasPrefix(what, f.Field+":") {
			t.Errorf("%s: %v", what, err)
		}
	}
	long := CameraSettings{Name: strings.Repeat("庭", 60), URL: "rtsp://10.0.0.7/"}
	if _, err := c.settle(box.Camera{ID: media.NewCameraID()}, long); err != nil {
		t.Errorf("a name of 60 characters: %v", err)
	}
}

// What an earlier Hearth took does not keep its camera from being changed otherwise.
func TestSettleLeavesEarlierMotion(t *testing.T) {
	t.Parallel()
	c := newCameras(t)
	earlier := media.MotionSettings{Sensitivity: 0.5, Masks: []media.Polygon{{{0, 0}, {1, 1}, {1, 0}, {0, 1}}}}
	before := box.Camera{ID: media.NewCameraID(), Name: "Yard", Motion: earlier}
	after := CameraSettings{Name: "Gate", URL: "rtsp://10.0.0.7/", Motion: earlier}
	if _, err := c.settle(before, after); err != nil {
		t.Errorf("another name: %v", err)
	}
	after.Motion.Sensitivity = 0.6
	var f *FieldError
	if _, err := c.settle(before, after); !errors.As(err, &f) || f.Field != "motion.masks[0]" {
		t.Errorf("another sensitivity: %v", err)
	}
}

func TestAddAndNames(t *testing.T) {
	t.Parallel()
	c := newCameras(t)
	if _, err := c.Add(t.Context(), CameraSettings{Name: "Yard", URL: "rtsp://10.0.0.7/"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Add(t.Context(), CameraSettings{Name: "yard", URL: "rtsp://10.0.0.8/"}); !errors.Is(err, ErrNameTaken) {
		t.Errorf("a second camera of the same name: %v", err)
	}
	known, err := c.Store.Box().Cameras()
	if err != nil || len(known) != 1 {
		t.Errorf("%d cameras kept, %v", len(known), err)
	}
}

func TestSettleChecksWhatIsToDecode(t *testing.T) {
	t.Parallel()
	c := newCameras(t)
	before := box.Camera{ID: media.NewCameraID(), Decoder: "cuda"}
	settle := func(choice string) (string, error) {
		got, err := c.settle(before, CameraSettings{Name: "Yard", URL: "rtsp://10.0.0.7/main", Decoder: choice})
		return got.Decoder, err
	}
	if got, err := settle(""); err != nil || got != "auto" {
		t.Errorf("nothing said is %q, %v", got, err)
	}
	if got, err := settle("vaapi"); err != nil || got != "vaapi" {
		t.Errorf("before it is known what is here: %q, %v", got, err)
	}
	c.Hardware = hardware.Of(&protocol.Trials{Version: protocol.TrialsVersion, Trials: []protocol.Trial{
		{Codec: media.H264, Bits: 8, Way: protocol.Way{Name: "vaapi", Device: "/dev/dri/renderD128"}, Works: true},
	}})
	for choice, field := range map[string]string{
		"auto": "", "software": "", "vaapi": "", "v4l2m2m": "decoder", "abacus": "decoder",
		"cuda": "", // it was so before: what is gone does not keep a name from being changed
	} {
		_, err := settle(choice)
		var wrong *FieldError
		if errors.As(err, &wrong) != (field != "") || wrong != nil && (wrong.Field != field || wrong.Text == "") {
			t.Errorf("%s: %v", choice, err)
		}
	}
}
