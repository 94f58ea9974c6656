package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"hearth/nvr"
	"hearth/storage"
)

// standstill is how long nothing may become durable while cameras send pictures that are to be recorded.
const standstill = time.Minute

// sample is what the watchdog goes by.
type sample struct {
	cameras nvr.Pulse
	disks   storage.Pulse
	page    error // why the page does not answer
}

// pulse decides whether the box lives: its page answers, and what the cameras send becomes durable. A disk that takes its
// time is no reason to start anew, nor is one that is full or gone: that shows on the page, which would be lost.
type pulse struct {
	cut, kept         uint64 // fragments and commits at the last look
	cutAt, keptAt     time.Time
	pageAt            time.Time // when the page answered last
	nothingDue, began bool
}

// beats takes a look, and says why the box should be started anew; nil: it lives.
func (p *pulse) beats(now time.Time, s sample) error {
	if !p.began {
		p.began, p.pageAt = true, now
		p.nothingDue = true
	}
	if s.page == nil {
		p.pageAt = now
	}
	if p.nothingDue || s.cameras.Fragments != p.cut || s.disks.Busy > 0 { // a slow disk refuses fragments after some seconds
		p.cut, p.cutAt = s.cameras.Fragments, now
	}
	if p.nothingDue || s.disks.Commits != p.kept || s.disks.Busy > 0 {
		p.kept, p.keptAt = s.disks.Commits, now
	}
	p.nothingDue = s.cameras.Due == 0
	switch {
	case now.Sub(p.pageAt) > standstill:
		return fmt.Errorf("for %s: %w", now.Sub(p.pageAt).Round(time.Second), s.page)
	case p.nothingDue:
		return nil
	case now.Sub(p.cutAt) > standstill:
		return fmt.Errorf("%d cameras send pictures, and nothing of them was recorded for %s", s.cameras.Due, now.Sub(p.cutAt).Round(time.Second))
	case now.Sub(p.keptAt) > standstill:
		return fmt.Errorf("nothing of what %d cameras send has reached a disk for %s", s.cameras.Due, now.Sub(p.keptAt).Round(time.Second))
	}
	return nil
}

// tell tells systemd how the box does, where systemd started it: that it is ready, that it lives, and that it stops.
// When it says no more that it lives, systemd starts it anew.
func (a *appliance) tell(ctx context.Context) {
	if told, err := daemon.SdNotify(false, daemon.SdNotifyReady); !told || err != nil {
		if err != nil {
			a.p.log.Warn("systemd cannot be told that Hearth is ready", "error", err)
		}
		return
	}
	defer func() { _, _ = daemon.SdNotify(false, daemon.SdNotifyStopping) }()
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		a.p.log.Warn("what systemd says of its watchdog is not understood", "error", err)
	}
	every := within / 3
	if every <= 0 {
		every = 20 * time.Second
	}
	var p pulse
	said := ""
	look := time.NewTicker(every)
	defer look.Stop()
	for {
		s := sample{cameras: a.cameras.Pulse(), disks: a.store.Pulse(), page: a.web.Answers(ctx)}
		if ctx.Err() != nil {
			return
		}
		state := "STATUS=" + sentence(s.cameras.Due)
		if err := p.beats(time.Now(), s); err != nil {
			state = "STATUS=It stands still: " + oneLine(err)
			if said != state {
				a.p.log.Error("the box stands still; systemd will start it anew", "error", err)
			}
		} else if within > 0 {
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog) // when nobody hears it, that is what it is for
		}
		if state != said {
			_, _ = daemon.SdNotify(false, state)
			said = state
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

func sentence(cameras int) string {
	switch cameras {
	case 0:
		return "No camera is being recorded all the time."
	case 1:
		return "One camera is being recorded."
	}
	return fmt.Sprintf("%d cameras are being recorded.", cameras)
}
