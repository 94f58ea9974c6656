package vision

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/clip"
)

func TestPicture(t *testing.T) {
	for name, args := range map[string][]string{
		"h264":  {"-c:v", "libx264", "-bf", "2"},
		"h265":  {"-c:v", "libx265", "-tag:v", "hvc1", "-x265-params", "log-level=error"},
		"mjpeg": {"-c:v", "mjpeg", "-pix_fmt", "yuvj420p"},
	} {
		t.Run(name, func(t *testing.T) {
			c := clip.Make(t, append([]string{"-f", "lavfi", "-i", "smptebars=s=640x360:r=15:d=0.5"}, args...)...)
			b, err := Picture(context.Background(), program, c.Track(), c.Units[0], 320)
			if err != nil {
				t.Fatal(err)
			}
			img, err := jpeg.Decode(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if s := img.Bounds().Size(); s.X != 320 || s.Y != 180 {
				t.Errorf("it is of %v", s)
			}
			// Yellow is the second of seven bars.
			if r, g, b, _ := img.At(320*3/14, 40).RGBA(); r>>8 < 170 || g>>8 < 170 || b>>8 > 30 {
				t.Errorf("the second bar is %d %d %d", r>>8, g>>8, b>>8)
			}
		})
	}
}

func TestAProgramNamedFromHere(t *testing.T) {
	c := still(t)
	t.Chdir(filepath.Dir(program))
	for _, name := range []string{"./hearth-vision", program} {
		if _, err := Picture(context.Background(), name, c.Track(), c.Units[0], 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoPicture(t *testing.T) {
	c := still(t)
	garbage := c.Units[0]
	garbage.Data = bytes.Repeat([]byte("no picture "), 300)
	for name, f := range map[string]func() ([]byte, error){
		"garbage": func() ([]byte, error) {
			return Picture(context.Background(), program, c.Track(), garbage, 0)
		},
		"a codec of sound": func() ([]byte, error) {
			return Picture(context.Background(), program, media.Track{Codec: media.AAC}, c.Units[0], 0)
		},
		"another program": func() ([]byte, error) {
			return Picture(context.Background(), script(t, "exec yes"), c.Track(), c.Units[0], 0)
		},
	} {
		if b, err := f(); !errors.Is(err, ErrNoPicture) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := Picture(ctx, script(t, "exec sleep 1000"), c.Track(), c.Units[0], 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent program: %v", err)
	}
	if took := time.Since(begun); took > time.Minute { // it would be silent for a quarter of an hour
		t.Errorf("a silent program held it for %v", took)
	}
}
