//go:build cgo

package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"hearth/hwaccel"
	"hearth/nvr/vision/protocol"
)

// A call that does not come back ends the process in time, with the name of the hardware; one that does is let be, however
// busy the machine is.
func TestAWatchdogBitesInTime(t *testing.T) {
	way := protocol.Way{Name: protocol.VAAPI, Device: "/dev/dri/renderD128"}
	by, err := hwaccel.Find(way)
	if err != nil {
		t.Fatal(err)
	}
	const limit = time.Second
	for name, c := range map[string]struct {
		do   func(d *watchdog)
		died time.Duration // 0: not
	}{
		"it hangs":             {func(d *watchdog) { d.mind(by, limit) }, limit},
		"it comes back":        {func(d *watchdog) { d.mind(by, limit); time.Sleep(limit - 1); d.rest() }, 0},
		"it works and hangs":   {func(d *watchdog) { d.mind(by, limit); time.Sleep(limit - 1); d.mind(by, limit) }, 2*limit - 1},
		"software is slow":     {func(d *watchdog) { d.mind(hwaccel.Software(), limit) }, 0},
		"the machine is busy":  {func(d *watchdog) { d.mind(by, limit); d.bite(); d.bite(); d.rest() }, 0}, // late, each of them
		"it had hung, nearly":  {func(d *watchdog) { d.mind(by, limit); time.Sleep(limit * 11 / 20); d.rest(); d.mind(by, limit) }, limit * 31 / 20},
		"it rests before that": {func(d *watchdog) { d.mind(by, limit); d.rest(); d.rest() }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said bytes.Buffer
				began, died := time.Now(), time.Duration(0)
				d := &watchdog{out: &said}
				d.die = func() {
					if died == 0 {
						died = time.Since(began)
					}
				}
				c.do(d)
				time.Sleep(5 * limit)
				d.rest()
				synctest.Wait()
				if died != c.died {
					t.Errorf("it died after %s, want %s", died, c.died)
				}
				m, err := protocol.Read(&said)
				if e, ok := m.(protocol.Error); (c.died > 0) != (err == nil && ok && *e.Failed == way) {
					t.Errorf("it said %+v, %v", m, err)
				}
			})
		})
	}
}
