package sim

import (
	"time"

	"hearth/nvr/media"
	"hearth/nvr/sim/h264"
)

// Film codes a scene's first pictures to a clip: what a drawn camera with this number would send, ready to be played by
// many. Zero size, fps and gop are as in Camera.
func (s *Scene) Film(v Video, fps, gop, pictures int, camera uint16) (*Clip, error) {
	like := Camera{Number: camera, Main: v, FPS: fps, GOP: gop, Scene: s}
	like.fill(0)
	v = like.Main
	enc, err := h264.New(h264.Config{
		Width: v.Width, Height: v.Height, FPS: like.FPS, GOP: like.GOP, QP: v.QP, Bitrate: v.Bitrate,
	})
	if err != nil {
		return nil, err
	}
	c := &Clip{Codec: media.H264, SPS: enc.SPS(), PPS: enc.PPS()}
	view, p := s.View(v.Width, v.Height, like.Number), h264.NewPicture(v.Width, v.Height)
	start := time.Now()
	ticks := func(n int) int64 { return int64(n) * media.VideoClockRate / int64(like.FPS) }
	for n := range pictures {
		since := time.Duration(n) * time.Second / time.Duration(like.FPS)
		view.Draw(p, uint32(n), since, start.Add(since))
		frames, err := enc.Encode(p, false)
		if err != nil {
			return nil, err
		}
		for _, f := range frames {
			c.Units = append(c.Units, ClipUnit{DTS: ticks(n), PTS: ticks(n), Key: f.Key, NALs: f.NALs})
		}
	}
	return c, c.prepare(ticks(pictures))
}
