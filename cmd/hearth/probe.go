package main

import (
	"errors"
	"fmt"
	"log/slog"

	"hearth/nvr/camera"
)

type probeCmd struct {
	URL       string `arg:"" name:"url" help:"The camera's RTSP address; name and password may be in it."`
	Transport string `help:"tcp, udp or auto." enum:"tcp,udp,auto" default:"tcp"`
}

// Run prints what the camera has.
func (c *probeCmd) Run(p *program) error {
	clean, user, password, err := camera.SplitURL(c.URL)
	if err != nil {
		return err
	}
	offer, err := camera.Probe(p.ctx, camera.Config{URL: clean, Username: user, Password: password, Transport: c.Transport, Audio: true})
	var problem *camera.Problem
	if errors.As(err, &problem) {
		p.log.Debug("probe failed", slog.String("detail", problem.Detail))
		return errors.New(problem.Sentence)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "main: ", describe(offer.Main))
	if offer.Sub != nil {
		fmt.Fprintln(p.stdout, "sub:  ", describe(*offer.Sub))
	}
	if offer.SuggestedURL != "" {
		fmt.Fprintln(p.stdout, "the sub stream is at", offer.SuggestedURL)
	}
	fmt.Fprintln(p.stdout, "Hearth can use this camera.")
	return nil
}

// describe puts a stream on a line.
func describe(s camera.StreamOffer) string {
	line := fmt.Sprintf("%s %dx%d, %.3g pictures/s, %.2g Mbit/s", s.Track.Codec, s.Track.Width, s.Track.Height, s.FPS, float64(s.BitsPerSecond)/1e6)
	switch {
	case s.Audio != nil:
		line += fmt.Sprintf(", sound %s %d Hz", s.Audio.Codec, s.Audio.ClockRate)
	case s.AudioProblem != "":
		line += ", no sound: " + s.AudioProblem
	}
	return line
}
