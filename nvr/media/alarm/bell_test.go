package alarm

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
)

func TestBell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := &Bell{Log: slog.New(slog.NewTextHandler(&log, nil))}
		var heard []Alarm
		b.Listen(func(a Alarm) { heard = append(heard, a) })
		one, two := media.NewCameraID(), media.NewCameraID()
		if !b.Same(Live, one, one, "x") || len(heard) != 0 || log.Len() > 0 {
			t.Error("it rang for nothing")
		}
		for range 100 { // a stream of wrong units is one line a second, and all are counted
			if b.Same(Live, one, two, "wrong unit") {
				t.Error("two cameras are the same")
			}
		}
		b.Ring(Live, two, "wrong unit")
		time.Sleep(again)
		b.Same(Live, one, two, "wrong unit")
		if n := strings.Count(log.String(), "level=ERROR msg=\"ALARM: wrong unit"); n != 3 || len(heard) != 3 || b.Counts()[Live] != 102 {
			t.Errorf("%d lines, heard %v, counted %v\n%s", n, heard, b.Counts(), &log)
		}
	})
}

func TestNoBell(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	var b *Bell
	if b.Same(Live, media.NewCameraID(), media.NewCameraID(), "x") || !strings.Contains(log.String(), "ALARM") {
		t.Errorf("without a bell it says %q", &log)
	}
}
