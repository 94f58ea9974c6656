package privacy

import (
	"testing"
	"time"

	"hearth/storage/box"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func hoursOf(from, to string, days ...string) box.PrivateHours {
	return box.PrivateHours{From: from, To: to, Days: days}
}

// TestScheduleByTheWall: moments in UTC, so that no reading of a clock is in doubt. In Berlin the clock jumps from 2:00 to
// 3:00 on 29 March 2026 at 01:00Z, and from 3:00 to 2:00 on 25 October 2026 at 01:00Z.
func TestScheduleByTheWall(t *testing.T) {
	night := []box.PrivateHours{hoursOf("22:00", "06:30")}
	for _, c := range []struct {
		name     string
		zone     string
		schedule []box.PrivateHours
		at       string
		on       bool
		until    string // empty: never
	}{
		{"before the evening", "Europe/Berlin", night, "2026-01-10T20:59:59Z", false, "2026-01-10T21:00:00Z"},
		{"the first moment", "Europe/Berlin", night, "2026-01-10T21:00:00Z", true, "2026-01-11T05:30:00Z"},
		{"behind midnight", "Europe/Berlin", night, "2026-01-11T03:00:00Z", true, "2026-01-11T05:30:00Z"},
		{"the last moment", "Europe/Berlin", night, "2026-01-11T05:29:59Z", true, "2026-01-11T05:30:00Z"},
		{"the end is not in it", "Europe/Berlin", night, "2026-01-11T05:30:00Z", false, "2026-01-11T21:00:00Z"},
		{"a night that is an hour short", "Europe/Berlin", night, "2026-03-28T21:30:00Z", true, "2026-03-29T04:30:00Z"},
		{"the evening after it", "Europe/Berlin", night, "2026-03-29T12:00:00Z", false, "2026-03-29T20:00:00Z"},
		{"a night that is an hour long", "Europe/Berlin", night, "2026-10-24T21:00:00Z", true, "2026-10-25T05:30:00Z"},
		{"within the hour that comes twice", "Europe/Berlin", night, "2026-10-25T01:30:00Z", true, "2026-10-25T05:30:00Z"},

		{"a beginning that is skipped", "Europe/Berlin", []box.PrivateHours{hoursOf("02:30", "04:00")}, "2026-03-29T00:59:59Z", false, "2026-03-29T01:00:00Z"},
		{"a beginning that is skipped, begun", "Europe/Berlin", []box.PrivateHours{hoursOf("02:30", "04:00")}, "2026-03-29T01:00:00Z", true, "2026-03-29T02:00:00Z"},
		{"an end that is skipped", "Europe/Berlin", []box.PrivateHours{hoursOf("01:00", "02:30")}, "2026-03-29T00:30:00Z", true, "2026-03-29T01:00:00Z"},
		{"all of it is skipped", "Europe/Berlin", []box.PrivateHours{hoursOf("02:10", "02:50")}, "2026-03-29T00:30:00Z", false, "2026-03-30T00:10:00Z"},
		{"a beginning that comes twice: from the first", "Europe/Berlin", []box.PrivateHours{hoursOf("02:30", "04:00")}, "2026-10-25T00:30:00Z", true, "2026-10-25T03:00:00Z"},
		{"and no hole when the clock goes back", "Europe/Berlin", []box.PrivateHours{hoursOf("02:30", "04:00")}, "2026-10-25T01:10:00Z", true, "2026-10-25T03:00:00Z"},
		{"an end that comes twice: to the last", "Europe/Berlin", []box.PrivateHours{hoursOf("01:00", "02:30")}, "2026-10-25T00:45:00Z", true, "2026-10-25T01:30:00Z"},
		{"both twice", "Europe/Berlin", []box.PrivateHours{hoursOf("02:10", "02:50")}, "2026-10-25T00:10:00Z", true, "2026-10-25T01:50:00Z"},

		{"a day of the week begins it", "Europe/Berlin", []box.PrivateHours{hoursOf("22:00", "06:30", "fri")}, "2026-01-10T03:00:00Z", true, "2026-01-10T05:30:00Z"}, // a Saturday
		{"and only that", "Europe/Berlin", []box.PrivateHours{hoursOf("22:00", "06:30", "fri")}, "2026-01-10T21:30:00Z", false, "2026-01-16T21:00:00Z"},
		{"Sunday into Monday", "Europe/Berlin", []box.PrivateHours{hoursOf("23:00", "01:00", "sun")}, "2026-01-11T23:30:00Z", true, "2026-01-12T00:00:00Z"},
		{"hours that touch are one", "Europe/Berlin", []box.PrivateHours{hoursOf("08:00", "12:00"), hoursOf("12:00", "14:00")}, "2026-01-10T08:00:00Z", true, "2026-01-10T13:00:00Z"},
		{"hours that overlap are one", "Europe/Berlin", []box.PrivateHours{hoursOf("08:00", "12:00"), hoursOf("09:00", "10:00")}, "2026-01-10T08:30:00Z", true, "2026-01-10T11:00:00Z"},
		{"to midnight", "Europe/Berlin", []box.PrivateHours{hoursOf("22:00", "24:00")}, "2026-01-10T22:00:00Z", true, "2026-01-10T23:00:00Z"},
		{"a whole day", "Europe/Berlin", []box.PrivateHours{hoursOf("00:00", "00:00", "sun")}, "2026-03-29T10:00:00Z", true, "2026-03-29T22:00:00Z"},
		{"always", "Europe/Berlin", []box.PrivateHours{hoursOf("00:00", "00:00")}, "2026-03-29T10:00:00Z", true, ""},
		{"none", "Europe/Berlin", nil, "2026-03-29T10:00:00Z", false, ""},
		{"far west", "Pacific/Honolulu", night, "2026-01-11T08:00:00Z", true, "2026-01-11T16:30:00Z"},
		{"far east", "Pacific/Kiritimati", night, "2026-01-10T07:59:59Z", false, "2026-01-10T08:00:00Z"},
		{"a midnight that is skipped", "America/Santiago", []box.PrivateHours{hoursOf("00:00", "05:00")}, "2026-09-06T03:59:59Z", false, "2026-09-06T04:00:00Z"},
		{"half an hour back", "Australia/Lord_Howe", []box.PrivateHours{hoursOf("01:40", "03:00")}, "2026-04-04T15:00:00Z", true, "2026-04-04T16:30:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			got := Judge(box.Privacy{Schedule: c.schedule}, at, zone(t, c.zone), true)
			until := ""
			if !got.Until.IsZero() {
				until = got.Until.UTC().Format(time.RFC3339)
			}
			if got.On != c.on || until != c.until {
				t.Errorf("private %v until %s; want %v until %s", got.On, until, c.on, c.until)
			}
			if c.on != (got.Reason == Schedule) {
				t.Errorf("reason %q", got.Reason)
			}
		})
	}
}

// TestAYearOfNights: each night begins and ends when the clock on the wall shows it, and the verdict of each minute is that
// of the stretch it lies in.
func TestAYearOfNights(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	p := box.Privacy{Schedule: []box.PrivateHours{hoursOf("22:00", "06:30")}}
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, berlin)
	for night := range 365 {
		v := Judge(p, at, berlin, true)
		if local := v.Until.In(berlin); v.On || local.Format("15:04") != "22:00" || local.Sub(at) > 26*time.Hour {
			t.Fatalf("night %d begins at %v", night, local)
		}
		begin := v.Until
		v = Judge(p, begin, berlin, true)
		if local := v.Until.In(berlin); !v.On || local.Format("15:04") != "06:30" {
			t.Fatalf("night %d ends at %v", night, local)
		}
		for m := begin; m.Before(v.Until); m = m.Add(17 * time.Minute) {
			if got := Judge(p, m, berlin, true); !got.On || !got.Until.Equal(v.Until) {
				t.Fatalf("at %v: %+v", m.In(berlin), got)
			}
		}
		at = v.Until
	}
}

func TestHandAgainstSchedule(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	night := []box.PrivateHours{hoursOf("22:00", "06:30")}
	noon := time.Date(2026, 1, 10, 12, 0, 0, 0, berlin)
	evening, morning := time.Date(2026, 1, 10, 22, 0, 0, 0, berlin), time.Date(2026, 1, 11, 6, 30, 0, 0, berlin)
	three := evening.Add(5 * time.Hour)
	for _, c := range []struct {
		name  string
		p     box.Privacy
		at    time.Time
		known bool
		want  Verdict
	}{
		{"on", box.Privacy{On: true}, noon, true, Verdict{On: true, Reason: Hand}},
		{"on until", box.Privacy{On: true, Until: evening}, noon, true, Verdict{true, evening, Hand}},
		{"over", box.Privacy{On: true, Until: noon}, noon, true, Verdict{}},
		{"on until the schedule goes on with it", box.Privacy{On: true, Until: evening, Schedule: night}, noon, true, Verdict{true, morning, Hand}},
		{"off against the schedule", box.Privacy{Until: morning, Schedule: night}, three, true, Verdict{Until: morning.AddDate(0, 0, 1).Add(-8*time.Hour - 30*time.Minute)}},
		{"off until within the night", box.Privacy{Until: three, Schedule: night}, evening, true, Verdict{Until: three}},
		{"the time is not known: nothing depends on it", box.Privacy{}, noon, false, Verdict{}},
		{"the time is not known: a schedule", box.Privacy{Schedule: night}, noon, false, Verdict{On: true, Reason: Clock}},
		{"the time is not known: off against a schedule", box.Privacy{Until: morning, Schedule: night}, three, false, Verdict{On: true, Reason: Clock}},
		{"the time is not known: on until", box.Privacy{On: true, Until: noon}, evening, false, Verdict{On: true, Reason: Hand}},
		{"a schedule that cannot be read", box.Privacy{Schedule: []box.PrivateHours{hoursOf("noon", "06:30")}}, noon, true, Verdict{On: true, Reason: Schedule}},
	} {
		got := Judge(c.p, c.at, berlin, c.known)
		if got.On != c.want.On || !got.Until.Equal(c.want.Until) || got.Reason != c.want.Reason {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestCameraAndHouse(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	night := box.Privacy{Schedule: []box.PrivateHours{hoursOf("22:00", "06:30")}}
	lunch := box.Privacy{Schedule: []box.PrivateHours{hoursOf("12:00", "14:00")}}
	after := box.Privacy{Schedule: []box.PrivateHours{hoursOf("06:30", "08:00"), hoursOf("13:00", "15:00")}}
	at := func(clock string) time.Time {
		m, err := time.ParseInLocation("2006-01-02 15:04", "2026-01-10 "+clock, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		name          string
		camera, house box.Privacy
		at, until     string
		on            bool
		reason        Reason
	}{
		{"neither", night, lunch, "10:00", "12:00", false, ""},
		{"the house", night, lunch, "12:30", "14:00", true, House},
		{"the camera, then the house goes on", night, after, "03:00", "08:00", true, Schedule},
		{"the house, then the camera goes on", after, lunch, "12:30", "15:00", true, House},
		{"the house for good", night, box.Privacy{On: true}, "03:00", "", true, Schedule},
		{"day and night", night, box.Privacy{Schedule: []box.PrivateHours{hoursOf("06:30", "22:00")}}, "03:00", "", true, Schedule},
	} {
		v := Both(c.camera, c.house, at(c.at), berlin, true)
		until := ""
		if !v.Until.IsZero() {
			until = v.Until.In(berlin).Format("15:04")
		}
		if v.On != c.on || until != c.until || v.Reason != c.reason {
			t.Errorf("%s: %+v until %s", c.name, v, until)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		hours box.PrivateHours
		good  bool
	}{
		{hoursOf("22:00", "06:30"), true},
		{hoursOf("00:00", "24:00", "mon", "sun"), true},
		{hoursOf("24:00", "06:30"), false},
		{hoursOf("22:00", "24:01"), false},
		{hoursOf("22:60", "06:30"), false},
		{hoursOf("9:00", "10:00"), false},
		{hoursOf("+9:00", "10:00"), false},
		{hoursOf("", "10:00"), false},
		{hoursOf("22:00", "06:30", "monday"), false},
	} {
		if err := Check([]box.PrivateHours{c.hours}); (err == nil) != c.good {
			t.Errorf("%+v: %v", c.hours, err)
		}
	}
	if Check(make([]box.PrivateHours, MaxHours+1)) == nil {
		t.Error("took too many")
	}
}
