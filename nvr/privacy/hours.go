package privacy

import (
	"fmt"
	"slices"
	"time"

	"hearth/storage/box"
)

// MaxHours is how many hours a schedule may have.
const MaxHours = 28

// horizon is how far ahead a schedule is looked at: more than a week, in which it repeats.
const horizon = 9 // days

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // by time.Weekday

// BadHours says what is wrong with a schedule. Its text is a sentence for the owner.
type BadHours struct {
	Index int // of the hours in the schedule
	Text  string
}

func (e *BadHours) Error() string { return e.Text }

// hours are box.PrivateHours that were read.
type hours struct {
	days     [7]bool
	from, to int // minutes since midnight; to may be 24:00
}

// Check says what is wrong with a schedule; nil: nothing.
func Check(schedule []box.PrivateHours) error {
	_, err := read(schedule)
	return err
}

func read(schedule []box.PrivateHours) ([]hours, error) {
	if len(schedule) > MaxHours {
		return nil, &BadHours{MaxHours, fmt.Sprintf("a schedule has %d entries at most", MaxHours)}
	}
	list := make([]hours, len(schedule))
	for i, s := range schedule {
		h := &list[i]
		var ok bool
		if h.from, ok = minutes(s.From); !ok || h.from == 24*60 {
			return nil, &BadHours{i, fmt.Sprintf("a time of the day is written as 22:00, not %q", s.From)}
		}
		if h.to, ok = minutes(s.To); !ok {
			return nil, &BadHours{i, fmt.Sprintf("a time of the day is written as 06:30, not %q", s.To)}
		}
		for _, name := range s.Days {
			day := slices.Index(weekdays, name)
			if day < 0 {
				return nil, &BadHours{i, fmt.Sprintf("days are mon, tue, wed, thu, fri, sat and sun, not %q", name)}
			}
			h.days[day] = true
		}
		if len(s.Days) == 0 {
			h.days = [7]bool{true, true, true, true, true, true, true}
		}
	}
	return list, nil
}

// minutes reads "06:30".
func minutes(s string) (m int, ok bool) {
	if len(s) != 5 || s[2] != ':' {
		return 0, false
	}
	for _, i := range []int{0, 1, 3, 4} {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	hour, minute := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	m = hour*60 + minute
	return m, minute < 60 && m <= 24*60
}

// span is a stretch of time; to is not in it.
type span struct{ from, to time.Time }

// spans gives the private stretches of a schedule around t, joined and in order. What lies farther ahead than a week is
// not complete.
func spans(list []hours, t time.Time, zone *time.Location) []span {
	year, month, day := t.In(zone).Date()
	var all []span
	for _, h := range list {
		for off := -2; off <= horizon; off++ {
			date := time.Date(year, month, day+off, 0, 0, 0, 0, time.UTC)
			if !h.days[date.Weekday()] {
				continue
			}
			end := date
			if h.to <= h.from {
				end = date.AddDate(0, 0, 1)
			}
			s := span{wall(date, h.from, zone, false), wall(end, h.to, zone, true)}
			if s.from.Before(s.to) {
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b span) int { return a.from.Compare(b.from) })
	joined := all[:0]
	for _, s := range all {
		if n := len(joined); n > 0 && !s.from.After(joined[n-1].to) {
			if s.to.After(joined[n-1].to) {
				joined[n-1].to = s.to
			}
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// wall gives the moment at which the clock shows so many minutes after midnight of a date, which is midnight UTC of that
// date; of two, the first or the last. A time that is skipped is the moment at which the clock jumps over it.
func wall(date time.Time, minutes int, zone *time.Location, last bool) time.Time {
	naive := date.Add(time.Duration(minutes) * time.Minute) // what the clock shows, as if that were UTC
	shows := func(t time.Time) bool {
		_, offset := t.In(zone).Zone()
		return t.Add(time.Duration(offset) * time.Second).Equal(naive)
	}
	_, before := naive.Add(-24 * time.Hour).In(zone).Zone()
	_, after := naive.Add(24 * time.Hour).In(zone).Zone()
	early := naive.Add(-time.Duration(max(before, after)) * time.Second)
	late := naive.Add(-time.Duration(min(before, after)) * time.Second)
	switch {
	case shows(early) && shows(late):
		if last {
			return late
		}
		return early
	case shows(early):
		return early
	case shows(late):
		return late
	}
	if _, jump := early.In(zone).ZoneBounds(); !jump.IsZero() && !jump.After(late) {
		return jump
	}
	return late
}

// at says whether a schedule makes t private, and until when that stays so; zero: for ever.
func at(list []hours, t time.Time, zone *time.Location) (on bool, until time.Time) {
	far := t.AddDate(0, 0, horizon-1)
	for _, s := range spans(list, t, zone) {
		switch {
		case !s.to.After(t):
		case s.from.After(t):
			return false, s.from
		case s.to.After(far):
			return true, time.Time{}
		default:
			return true, s.to
		}
	}
	return false, time.Time{}
}
