package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/sim"
)

// simNames are what simulated cameras are called, in the order of the drawn places.
var simNames = []string{"Front door", "Garden", "Garage", "Driveway", "Terrace", "Hallway", "Shed", "Gate"}

type simCmd struct {
	Cameras  int      `help:"How many cameras. Default: ${default}." default:"2" placeholder:"N"`
	Listen   string   `help:"Address of the RTSP server. Default: ${default}." default:"127.0.0.1:8554" placeholder:"ADDR"`
	Clip     []string `help:"Play this file (MP4, or H.264 in Annex B) over and over instead of a drawn scene; several are dealt out in turn." type:"existingfile" placeholder:"FILE"`
	SubClip  []string `name:"sub-clip" help:"The same for the sub streams, which a camera with --clip has not otherwise." type:"existingfile" placeholder:"FILE"`
	FPS      int      `name:"fps" help:"Pictures per second of drawn scenes, and of clips in Annex B, which do not say." default:"15"`
	Size     string   `help:"Size of drawn main streams. Default: ${default}." default:"1280x720" placeholder:"WxH"`
	SubSize  string   `name:"sub-size" help:"Size of drawn sub streams. Default: ${default}." default:"640x360" placeholder:"WxH"`
	BFrames  bool     `name:"b-frames" help:"Every other picture is a B-picture."`
	Sound    string   `help:"Sound track: none, pcmu, pcma or aac." enum:"none,pcmu,pcma,aac" default:"none"`
	Password string   `help:"The cameras' password; empty: made up and printed." placeholder:"TEXT"`
	Sent     string   `help:"Write a line for every picture sent into this file: camera, stream, the picture's number, time in microseconds, and whether it is the first after a pause." type:"path" placeholder:"FILE"`

	DropEvery   time.Duration `help:"Trouble: close each camera's connections this often." placeholder:"TIME"`
	StallEvery  time.Duration `help:"Trouble: send nothing for 20 s this often." placeholder:"TIME"`
	JumpEvery   time.Duration `help:"Trouble: the cameras' clocks jump by an hour this often." placeholder:"TIME"`
	ResizeEvery time.Duration `help:"Trouble: the picture's size changes and changes back this often." placeholder:"TIME"`
	Reorder     int           `help:"Trouble: every N-th packet comes after the next one." placeholder:"N"`
	Lose        int           `help:"Trouble: every N-th packet is lost." placeholder:"N"`
	Refuse      bool          `help:"Trouble: every password is wrong."`
}

// Run serves until it is told to stop.
func (c *simCmd) Run(p *program) error {
	cameras, err := c.cameras()
	if err != nil {
		return err
	}
	if c.Sent != "" {
		f, err := os.Create(c.Sent)
		if err != nil {
			return err
		}
		defer f.Close()
		tellSent(f, cameras, p.log)
	}
	return withSim(p.ctx, c.Listen, cameras, p.log, func(ctx context.Context, s *sim.Server) error {
		for _, cam := range cameras {
			fmt.Fprintln(p.stdout, s.URL(cam, media.Main))
		}
		c.makeTrouble(ctx, cameras)
		return nil
	})
}

// cameras makes the cameras that the flags ask for.
func (c *simCmd) cameras() ([]*sim.Camera, error) {
	if c.Cameras < 1 || c.Cameras > 256 {
		return nil, fmt.Errorf("--cameras %d: from 1 to 256", c.Cameras)
	}
	mainSize, err := videoSize("--size", c.Size)
	if err != nil {
		return nil, err
	}
	subSize, err := videoSize("--sub-size", c.SubSize)
	if err != nil {
		return nil, err
	}
	clips, err := readClips(c.Clip, c.FPS)
	if err != nil {
		return nil, err
	}
	subClips, err := readClips(c.SubClip, c.FPS)
	if err != nil {
		return nil, err
	}
	if c.Password == "" {
		c.Password = strings.ToLower(rand.Text()[:12])
	}

	cameras := make([]*sim.Camera, c.Cameras)
	for i := range cameras {
		cam := simCamera(i, c.Password)
		cam.FPS, cam.Main, cam.Sub, cam.BPictures = c.FPS, mainSize, subSize, c.BFrames
		cam.Sound = map[string]sim.Sound{"none": sim.Silent, "pcmu": sim.PCMU, "pcma": sim.PCMA, "aac": sim.AAC}[c.Sound]
		if len(clips) > 0 {
			cam.Clip = clips[i%len(clips)]
		}
		if len(subClips) > 0 {
			cam.SubClip = subClips[i%len(subClips)]
		}
		cameras[i] = cam
	}
	return cameras, nil
}

// tellSent writes a line for every picture that the cameras send. Each is one write call, so that who reads along never
// sees half a line.
func tellSent(w io.Writer, cameras []*sim.Camera, log *slog.Logger) {
	var failed sync.Once
	for _, cam := range cameras {
		cam.OnSent = func(s sim.Sent) {
			first := "-"
			if s.First {
				first = "first"
			}
			if _, err := fmt.Fprintln(w, cam.Number, s.Stream, s.Number, s.At.UnixMicro(), first); err != nil {
				failed.Do(func() { log.Error("cannot write down what was sent", "error", err) })
			}
		}
	}
}

// simCamera is the i-th simulated camera, from 0.
func simCamera(i int, password string) *sim.Camera {
	return &sim.Camera{
		Name:   fmt.Sprintf("camera%d", i+1),
		Number: uint16(i + 1),
		Scene:  sim.Yard(i),
		User:   "hearth", Password: password,
	}
}

// simName is what a family would call the i-th camera.
func simName(i int) string {
	if i < len(simNames) {
		return simNames[i]
	}
	return fmt.Sprintf("%s %d", simNames[i%len(simNames)], i/len(simNames)+1)
}

func readClips(files []string, fps int) ([]*sim.Clip, error) {
	clips := make([]*sim.Clip, 0, len(files))
	for _, file := range files {
		clip, err := sim.ReadClip(file, fps)
		if err != nil {
			return nil, err
		}
		clips = append(clips, clip)
	}
	return clips, nil
}

func videoSize(flag, text string) (sim.Video, error) {
	var v sim.Video
	if n, err := fmt.Sscanf(text, "%dx%d", &v.Width, &v.Height); n != 2 || err != nil ||
		v.Width < 128 || v.Height < 72 || v.Width > 3840 || v.Height > 2160 || v.Width%2 != 0 || v.Height%2 != 0 {
		return sim.Video{}, fmt.Errorf("%s %s: want WIDTHxHEIGHT, even numbers from 128x72 to 3840x2160", flag, text)
	}
	return v, nil
}

// makeTrouble switches the asked-for troubles until ctx ends.
func (c *simCmd) makeTrouble(ctx context.Context, cameras []*sim.Camera) {
	each := func(do func(*sim.Camera)) {
		for _, cam := range cameras {
			do(cam)
		}
	}
	each(func(cam *sim.Camera) {
		cam.Trouble.Reorder(c.Reorder)
		cam.Trouble.Lose(c.Lose)
		cam.Trouble.RefusePassword(c.Refuse)
	})
	every := func(d time.Duration, do func(turn int)) {
		if d <= 0 {
			return
		}
		go func() {
			t := time.NewTicker(d)
			defer t.Stop()
			for turn := 0; ; turn++ {
				select {
				case <-t.C:
					do(turn)
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	every(c.DropEvery, func(int) { each(func(cam *sim.Camera) { cam.Trouble.Drop() }) })
	every(c.JumpEvery, func(int) { each(func(cam *sim.Camera) { cam.Trouble.JumpClock(time.Hour) }) })
	every(c.StallEvery, func(int) {
		each(func(cam *sim.Camera) {
			cam.Trouble.Stall(true)
			time.AfterFunc(20*time.Second, func() { cam.Trouble.Stall(false) })
		})
	})
	every(c.ResizeEvery, func(turn int) {
		each(func(cam *sim.Camera) {
			if turn%2 == 0 {
				cam.Trouble.Resize(media.Main, 960, 540)
			} else {
				cam.Trouble.Resize(media.Main, 0, 0)
			}
		})
	})
}

// withSim serves simulated cameras while use works with them, and after it returned without an error until ctx ends.
func withSim(ctx context.Context, listen string, cameras []*sim.Camera, log *slog.Logger, use func(context.Context, *sim.Server) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &sim.Server{Listen: listen, Cameras: cameras, Log: log}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-done:
		return fmt.Errorf("serve the simulated cameras on %s: %w", listen, err)
	}
	if err := use(ctx, s); err != nil {
		stop()
		<-done
		return err
	}
	return <-done
}

// freeListen is listen where its port is free, else the same host with a port that is.
func freeListen(ctx context.Context, listen string) string {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err == nil {
		l.Close()
		return listen
	}
	host, _, _ := net.SplitHostPort(listen)
	return net.JoinHostPort(host, "0")
}
