package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"hearth/nvr"
	"hearth/nvr/clock"
	"hearth/nvr/hardware"
	"hearth/storage"
	"hearth/web"
)

// applianceFlags are what serve and demo share.
type applianceFlags struct {
	Data       string   `help:"Folder for footage, events and settings. Default: ./hearth-data; /var/lib/hearth as a service." default:"${data}" type:"path" placeholder:"DIR"`
	Listen     string   `help:"Address of the page and its API, over HTTPS. Default: ${default}." default:":8443" placeholder:"ADDR"`
	ListenHTTP string   `name:"listen-http" help:"Address that leads to HTTPS and says how to trust it; empty: none. Default: ${default}." default:":8080" placeholder:"ADDR"`
	Host       []string `help:"A name of your own under which the box is reached, beside its addresses, its machine's name, *.local and *.home.arpa." placeholder:"NAME"`
	Limit      int64    `help:"Most bytes of footage to keep, in GiB; 0: as much as fits, less a reserve." default:"0" placeholder:"GIB"`
	Vision     string   `help:"The hearth-vision program; empty: beside hearth, then in /usr/lib/hearth." placeholder:"FILE"`
}

type serveCmd struct {
	applianceFlags `embed:""`
}

// Run runs the appliance until it is told to stop.
func (s *serveCmd) Run(p *program) error {
	a, err := s.open(p)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Hearth is at %s\nThe first time, a browser warns: %s says why, and how a device learns to trust this box.\n"+
		"That it is this box and no other: SHA-256 %s\n", a.web.URL(), a.web.TrustURL(), a.web.Fingerprint())
	switch code, err := a.store.Access().SetupCode(); {
	case err != nil:
		return errors.Join(err, a.store.Close())
	case code != "":
		fmt.Fprintf(p.stdout, "Nobody owns this box yet. Open %s and make the first account.\n"+
			"From another network, or after an hour, it asks for a code: hearth setup-code --data %s\n", a.web.URL(), s.Data)
	}
	p.log.Info("hearth starts", "version", version)
	return a.run(p.ctx)
}

// appliance is the running box: the store at the bottom, the cameras on it, the page on top.
type appliance struct {
	clock   *clock.Clock
	store   *storage.Store
	cameras *nvr.Cameras
	web     *web.Server
	p       *program
}

// open makes everything ready, or says in one line why it cannot. It listens already, so that a port in use is
// known before the first camera connects.
func (f *applianceFlags) open(p *program) (*appliance, error) {
	hosts, err := ownHosts(f.Host)
	if err != nil {
		return nil, err
	}
	vision, err := findVision(f.Vision)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(storage.Options{Dir: f.Data, LimitBytes: f.Limit << 30, Log: p.log})
	if err != nil {
		return nil, err
	}
	newest, err := store.Newest()
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	watch := &clock.Clock{Built: clock.Built(), Recorded: newest, Log: p.log}
	store.SetClock(watch.AtLeast)
	cameras := nvr.NewCameras(store, vision, p.log)
	cameras.Trusted = watch.Trusted
	cameras.Hardware = &hardware.Machine{Program: vision, Dir: f.Data, Log: p.log}
	server := &web.Server{
		Store: store, Cameras: cameras, Listen: f.Listen, ListenHTTP: f.ListenHTTP, Hosts: hosts, Dir: f.Data,
		UI: web.UI(), Log: p.log, Version: version, Clock: watch, Recent: p.recent,
	}
	if err := server.Open(); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &appliance{clock: watch, store: store, cameras: cameras, web: server, p: p}, nil
}

// ownHosts are the names of --host, as they stand in certificates.
func ownHosts(said []string) ([]string, error) {
	var hosts []string
	for _, h := range said {
		if h == "" {
			continue
		}
		name, err := web.HostName(h)
		if err != nil {
			return nil, fmt.Errorf("--host %s: %w", h, err)
		}
		hosts = append(hosts, name)
	}
	return hosts, nil
}

// run runs the box until ctx ends or its page or store fails, then stops from the top down: first nobody watches,
// then nothing comes in, then all that came in goes to the disk.
func (a *appliance) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	layers := []layer{{"clock", a.clock.Run}, {"store", a.store.Run}, {"cameras", a.cameras.Run}, {"page", a.web.Run}}
	stops := make([]context.CancelFunc, len(layers))
	dones := make([]chan struct{}, len(layers))
	errs := make([]error, len(layers))
	for i, l := range layers {
		layerCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		stops[i], dones[i] = cancel, make(chan struct{})
		go func() {
			defer close(dones[i])
			errs[i] = l.run(layerCtx)
			if layerCtx.Err() == nil { // nobody told it to: the box ends, and not as if all were well
				errs[i] = errors.Join(fmt.Errorf("the %s stopped by itself", l.name), errs[i])
				stop()
			}
		}()
	}
	var telling sync.WaitGroup
	telling.Go(func() { a.tell(ctx) })
	<-ctx.Done()
	telling.Wait()
	a.p.log.Info("stopping")
	began := time.Now()
	for i := len(layers) - 1; i >= 0; i-- {
		stops[i]()
		<-dones[i]
	}
	err := errors.Join(append(errs, a.store.Close())...)
	a.p.log.Info("stopped", "took", time.Since(began).Round(time.Millisecond))
	return err
}

type layer struct {
	name string
	run  func(context.Context) error
}

// findVision finds the worker program: where it was said to be, beside hearth, or where the package puts it. Workers
// are started in a folder of their own, so the path is absolute.
func findVision(said string) (string, error) {
	if said != "" {
		path, err := exec.LookPath(said)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return "", fmt.Errorf("the program %s, given with --vision, cannot be run: %w", said, err)
		}
		return path, nil
	}
	places := []string{"/usr/lib/hearth/hearth-vision"}
	if self, err := os.Executable(); err == nil {
		places = append([]string{filepath.Join(filepath.Dir(self), "hearth-vision")}, places...)
	}
	for _, place := range places {
		if _, err := exec.LookPath(place); err == nil {
			return place, nil
		}
	}
	return "", fmt.Errorf("the program hearth-vision is not beside hearth nor in /usr/lib/hearth: build it with `make build`, or say where it is with --vision")
}
