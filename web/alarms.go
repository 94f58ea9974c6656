package web

import (
	"context"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/storage/access"
)

const (
	// alarmEvery is how soon the same alarm makes another line in the audit log. All are counted in the metrics.
	alarmEvery  = 10 * time.Minute
	alarmQueue  = 64
	alarmMemory = 1024
)

// alarms are what was found where only another camera's may be. Who finds it cannot wait for the audit log.
type alarms chan alarm.Alarm

// listen takes alarms from a bell. More than wait are in the log and counted, and no lines of the audit log.
func (s *Server) listen(b *alarm.Bell) {
	s.alarms = make(alarms, alarmQueue)
	b.Listen(func(a alarm.Alarm) {
		select {
		case s.alarms <- a:
		default:
		}
	})
}

// keepAlarms makes lines of the audit log of alarms, for the owner, until ctx ends.
func (s *Server) keepAlarms(ctx context.Context) {
	type key struct {
		place  alarm.Place
		camera media.CameraID
	}
	told := make(map[key]time.Time)
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-s.alarms:
			k, now := key{a.Place, a.Camera}, time.Now()
			if t, ok := told[k]; ok && now.Sub(t) < alarmEvery {
				continue
			}
			if len(told) >= alarmMemory {
				clear(told)
			}
			told[k] = now
			s.looks.did(access.Entry{Act: "alarm.mixup", Name: "Hearth", Camera: a.Camera, Detail: string(a.Place) + ": " + a.What})
		}
	}
}
