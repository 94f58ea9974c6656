package sim

import (
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"

	"hearth/nvr/media"
	"hearth/nvr/sim/h264"
)

// drawing is the source of a drawn stream.
type drawing struct {
	camera *Camera
	which  media.Stream

	format *format.H264
	video  Video // as it is now
	b      bool
	view   *View
	enc    *h264.Encoder
	pic    *h264.Picture
	pack   *rtph264.Encoder
	given  [4]int64 // the number of the picture that the encoder counts as i, at i mod 4
	count  int64
}

func newDrawing(c *Camera, which media.Stream) (*drawing, error) {
	d := &drawing{camera: c, which: which, format: &format.H264{PayloadTyp: 96, PacketizationMode: 1}}
	d.pack = &rtph264.Encoder{PayloadType: 96, PacketizationMode: 1}
	if err := d.pack.Init(); err != nil {
		return nil, err
	}
	return d, d.restart(d.wanted(&troubles{}), c.BPictures)
}

// wanted is the size and quality to draw in.
func (d *drawing) wanted(t *troubles) Video {
	v := d.camera.Main
	if d.which == media.Sub {
		v = d.camera.Sub
	}
	if size := t.size[d.which]; size[0] > 0 {
		v.Width, v.Height = size[0], size[1]
	}
	return v
}

// restart begins a new coded sequence.
func (d *drawing) restart(v Video, b bool) error {
	enc, err := h264.New(h264.Config{
		Width: v.Width, Height: v.Height, FPS: d.camera.FPS, GOP: d.camera.GOP, QP: v.QP, Bitrate: v.Bitrate, BPictures: b,
	})
	if err != nil {
		return err
	}
	if v.Width != d.video.Width || v.Height != d.video.Height {
		d.view = nil // warm draws it
	}
	d.enc, d.video, d.b, d.count = enc, v, b, 0
	d.format.SafeSetParams(enc.SPS(), enc.PPS())
	return nil
}

// warm draws what does not move, some tenths of a second of work for a large picture.
func (d *drawing) warm() {
	if d.view == nil {
		d.view = d.camera.Scene.View(d.video.Width, d.video.Height, d.camera.Number)
		d.pic = h264.NewPicture(d.video.Width, d.video.Height)
	}
}

func (d *drawing) media() *description.Media {
	return &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{d.format}}
}

// phase spreads cameras over the time between two pictures, so that not all work at once.
func (d *drawing) phase() time.Duration {
	return time.Second / time.Duration(d.camera.FPS) * time.Duration(d.camera.Number*5%8) / 8
}

func (d *drawing) due(n int64) time.Duration { return d.taken(n) }

func (d *drawing) taken(n int64) time.Duration {
	fps := int64(d.camera.FPS)
	return d.phase() + time.Duration(n/fps)*time.Second + time.Duration(n%fps)*time.Second/time.Duration(fps)
}

func (d *drawing) at(since time.Duration) int64 {
	return int64(max(0, since-d.phase())*time.Duration(d.camera.FPS)/time.Second) + 1
}

// ticks is when picture n is shown, exactly.
func (d *drawing) ticks(n int64) int64 {
	return n*media.VideoClockRate/int64(d.camera.FPS) + ticks(d.phase(), media.VideoClockRate)
}

func (d *drawing) frame(n int64, wall time.Time, fresh bool, t *troubles) ([]unit, error) {
	if v, b := d.wanted(t), d.camera.BPictures || t.bPictures; v != d.video || b != d.b {
		if err := d.restart(v, b); err != nil {
			return nil, err
		}
	}
	if fresh {
		d.enc.Flush() // what waited from before the pause is too old
	}
	d.warm()
	d.view.Draw(d.pic, uint32(n), d.taken(n), wall)
	d.given[d.count%4] = n
	d.count++
	key := fresh || (n+int64(d.camera.Number)*7)%int64(d.camera.GOP) == 0
	frames, err := d.enc.Encode(d.pic, key)
	if err != nil {
		return nil, err
	}
	units := make([]unit, 0, len(frames))
	for _, f := range frames {
		number := d.given[f.Number%4]
		u := unit{number: number, ticks: d.ticks(number)}
		pkts, err := d.pack.Encode(f.NALs)
		if err != nil {
			return nil, err
		}
		for _, p := range pkts {
			u.packets = append(u.packets, packet{payload: p.Payload, marker: p.Marker})
		}
		units = append(units, u)
	}
	return units, nil
}
