package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"hearth/nvr"
	"hearth/nvr/media"
	"hearth/nvr/sim"
	"hearth/nvr/sim/mark"
	"hearth/storage/access"
	"hearth/storage/box"
)

// demoUser is who owns a demo box.
const demoUser = "demo"

type demoCmd struct {
	applianceFlags `embed:""`
	Cameras        int    `help:"How many simulated cameras. Default: ${default}." default:"2" placeholder:"N"`
	SimListen      string `name:"sim-listen" help:"Where the simulated cameras listen; another port if it is in use. Default: ${default}." default:"127.0.0.1:8554" placeholder:"ADDR"`
}

// Run runs the appliance with simulated cameras.
func (d *demoCmd) Run(p *program) error {
	if d.Cameras < 1 || d.Cameras > nvr.MaxCameras {
		return fmt.Errorf("--cameras %d: from 1 to %d", d.Cameras, nvr.MaxCameras)
	}
	cameras := make([]*sim.Camera, d.Cameras)
	for i := range cameras {
		cameras[i] = simCamera(i, strings.ToLower(rand.Text()[:12]))
	}
	// Stopping the box has to be told from the cameras going away, so the cameras outlive it.
	simCtx, stopSim := context.WithCancel(context.WithoutCancel(p.ctx))
	defer stopSim()
	return withSim(simCtx, freeListen(p.ctx, d.SimListen), cameras, p.log, func(_ context.Context, s *sim.Server) error {
		defer stopSim()
		a, err := d.open(p)
		if err != nil {
			return err
		}
		password, err := demoOwner(p.ctx, a)
		if err == nil {
			err = demoCameras(p.ctx, a, s, cameras)
		}
		if err != nil {
			return errors.Join(err, a.store.Close())
		}
		fmt.Fprintf(p.stdout, "\n  Hearth's demo, with %d simulated cameras\n\n    address   %s\n    user      %s\n    password  %s\n\n"+
			"  The browser warns once, since the box made its certificate itself: see %s\n  Ctrl-C stops.\n\n",
			d.Cameras, a.web.URL(), demoUser, password, a.web.TrustURL())
		return a.run(p.ctx)
	})
}

// demoOwner makes the demo's owner, or gives it a new password: nothing that opens the box is kept in the clear.
func demoOwner(ctx context.Context, a *appliance) (password string, err error) {
	password = strings.ToLower(rand.Text()[:10])
	doors := a.store.Access()
	people, err := doors.People()
	if err != nil {
		return "", err
	}
	if len(people) == 0 {
		code, err := doors.SetupCode()
		if err != nil {
			return "", err
		}
		_, err = doors.Setup(ctx, access.First{Name: demoUser, Password: password, Code: code, From: netip.IPv6Loopback()})
		return password, err
	}
	for _, who := range people {
		if who.Name == demoUser {
			_, err := doors.ChangePerson(ctx, who.ID, access.Change{Password: &password})
			return password, err
		}
	}
	return "", fmt.Errorf("the data folder belongs to a box that is no demo; give another one with --data")
}

// demoCameras puts the simulated cameras into the box, or tells those that it knows their new address.
func demoCameras(ctx context.Context, a *appliance, s *sim.Server, cameras []*sim.Camera) error {
	known, err := a.store.Box().Cameras()
	if err != nil {
		return err
	}
	ids := make(map[string]box.Camera)
	for _, k := range known {
		ids[k.Name] = k
	}
	for i, cam := range cameras {
		settings := nvr.CameraSettings{
			Name: simName(i), URL: s.URL(cam, media.Main), DetectURL: s.URL(cam, media.Sub), Record: "continuous",
			// The mark at the top changes with every picture; it is a test's, not something that moves.
			Motion: media.MotionSettings{Sensitivity: 0.5, Masks: []media.Polygon{markArea()}},
		}
		if k, ok := ids[settings.Name]; ok {
			if err := a.cameras.Readdress(ctx, k.ID, settings); err != nil {
				return err
			}
			continue
		}
		if _, err := a.cameras.Add(ctx, settings); err != nil {
			return fmt.Errorf("add the simulated camera %s: %w", settings.Name, err)
		}
	}
	return nil
}

// markArea is the strip that the mark covers.
func markArea() media.Polygon {
	bottom := float64(mark.Rows)/mark.RowsPerPicture + 0.01
	return media.Polygon{{0, 0}, {1, 0}, {1, bottom}, {0, bottom}}
}
