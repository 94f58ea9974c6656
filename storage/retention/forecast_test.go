package retention

import (
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/segment"
)

const gb = 1e9

func TestForecastShares(t *testing.T) {
	a, b, c := media.CameraID{1}, media.CameraID{2}, media.CameraID{3}
	for _, x := range []struct {
		what     string
		flows    []flow
		capacity float64
		want     map[media.CameraID][2]float64 // days, days around events
	}{
		{
			"by age alone: the same for all",
			[]flow{{camera: a, rate: 10 * gb}, {camera: b, rate: 30 * gb}},
			200 * gb,
			map[media.CameraID][2]float64{a: {5, 5}, b: {5, 5}},
		},
		{
			"a limit of days leaves more to the other",
			[]flow{{camera: a, rate: 10 * gb, limit: Limit{Days: 2}}, {camera: b, rate: 30 * gb}},
			200 * gb,
			map[media.CameraID][2]float64{a: {2, 2}, b: {6, 6}},
		},
		{
			"a limit of bytes of its own",
			[]flow{{camera: a, rate: 10 * gb, limit: Limit{Bytes: 70 * gb}}},
			1000 * gb,
			map[media.CameraID][2]float64{a: {7, 7}},
		},
		{
			"limits that do not fit shrink in proportion",
			[]flow{{camera: a, rate: 10 * gb, limit: Limit{Bytes: 300 * gb}}, {camera: b, rate: 10 * gb, limit: Limit{Bytes: 100 * gb}}},
			200 * gb,
			map[media.CameraID][2]float64{a: {15, 15}, b: {5, 5}},
		},
		{
			"one without a limit has the mean of the others",
			[]flow{
				{camera: a, rate: 10 * gb, limit: Limit{Bytes: 300 * gb}},
				{camera: b, rate: 10 * gb, limit: Limit{Bytes: 100 * gb}},
				{camera: c, rate: 10 * gb},
			},
			300 * gb,
			map[media.CameraID][2]float64{a: {15, 15}, b: {5, 5}, c: {10, 10}},
		},
		{
			"a longer term around events: 5 × 10 + 10 × 1",
			[]flow{{camera: a, rate: 10 * gb, event: 1 * gb, limit: Limit{Days: 9, EventDays: 15}}},
			60 * gb,
			map[media.CameraID][2]float64{a: {5, 15}},
		},
		{
			"a day before events of long ago",
			[]flow{{camera: a, rate: 10 * gb, event: 1 * gb, limit: Limit{Days: 9, EventDays: 50}}},
			30 * gb,
			map[media.CameraID][2]float64{a: {1, 21}},
		},
		{
			"less than a day",
			[]flow{{camera: a, rate: 10 * gb, event: 1 * gb}},
			5 * gb,
			map[media.CameraID][2]float64{a: {0.5, 0.5}},
		},
		{"more than anybody needs", []flow{{camera: a, rate: 1}}, 1e15, map[media.CameraID][2]float64{a: {365, 365}}},
	} {
		// What events are not counted in makes them go with the rest.
		got := forecast(x.flows, x.capacity)
		days, eventDays := math.Inf(1), math.Inf(1)
		for camera, want := range x.want {
			days, eventDays = min(days, want[0]), min(eventDays, want[1])
			if f := got.Cameras[camera]; math.Abs(f.Days-want[0]) > 0.01 || f.event(x.flows, camera) && math.Abs(f.EventDays-want[1]) > 0.01 {
				t.Errorf("%s: %+v, want %v", x.what, f, want)
			}
		}
		if math.Abs(got.Days-days) > 0.01 {
			t.Errorf("%s: the shortest is %v, want %v", x.what, got.Days, days)
		}
	}
}

// event says whether a camera has events at all.
func (Term) event(flows []flow, camera media.CameraID) bool {
	return slices.ContainsFunc(flows, func(f flow) bool { return f.camera == camera && f.event > 0 })
}

func TestForecastsTogether(t *testing.T) {
	a, b := media.CameraID{1}, media.CameraID{2}
	got := Together([]Forecast{
		{Term: Term{5, 9, 30}, Cameras: map[media.CameraID]Term{a: {5, 9, 30}}},
		{Term: Term{2, 2, 21}, Cameras: map[media.CameraID]Term{a: {2, 2, 1}, b: {7, 8, 20}}},
	})
	if got.Term != (Term{5, 8, 50}) || len(got.Cameras) != 2 || got.Cameras[a].Days != 5 {
		t.Errorf("%+v", got)
	}
	if none := Together(nil); none.Term != (Term{}) || len(none.Cameras) != 0 {
		t.Errorf("%+v", none)
	}
}

// month is a volume whose files are only in the index.
type month struct {
	*testing.T
	x      *index.Index
	k      *Keeper
	limits map[media.CameraID]Limit
	rates  map[media.CameraID]int64 // bytes an hour
	size   int64
	pages  map[media.CameraID]memory
}

// memory is a ledger's pages.
type memory map[string][]byte

func (m memory) Read(day string) ([]byte, error) {
	if b, ok := m[day]; ok {
		return b, nil
	}
	return nil, os.ErrNotExist
}

func (memory) Written(string) (time.Time, error) { return time.Time{}, os.ErrNotExist }

func (m memory) Write(day string, b []byte) error { m[day] = b; return nil }
func (m memory) Remove(day string) error          { delete(m, day); return nil }
func (memory) SetAside(string) error              { return errors.ErrUnsupported }
func (m memory) Days() (days []string, err error) {
	for d := range m {
		if d != "" {
			days = append(days, d)
		}
	}
	slices.Sort(days)
	return days, nil
}

// nothing is a disk with nothing on it.
type nothing struct{ commit.File }

func (nothing) Open(string) (commit.File, error) { return nothing{}, nil }
func (nothing) Sync() error                      { return nil }
func (nothing) Close() error                     { return nil }
func (nothing) Punch(string, int64, int64) error { return nil }
func (nothing) Remove(string) error              { return nil }
func (nothing) SyncDir(string) error             { return nil }

func (m *month) total() (n int64) {
	totals, err := m.x.Totals()
	must(m, err)
	for _, bytes := range totals {
		n += bytes
	}
	return n
}

// table of a file of an hour: groups of ten seconds, a fragment each.
func (m *month) table(r index.Row) (table []segment.Entry, err error) {
	offset := int64(segment.HeaderSize)
	for i := range int64(360) {
		e := segment.Entry{Offset: offset, Length: uint32(m.rates[r.Line.Camera] / 360)}
		e.Type, e.Key, e.Time, e.Duration = segment.FragRecord, true, r.Start+i*10*second, 900000
		offset += int64(e.Length)
		table = append(table, e)
	}
	return table, nil
}

// hour records one, with an event of five minutes in every third, and keeps the limits.
func (m *month) hour(n int, floor int64) {
	time.Sleep(time.Hour)
	end := time.Now()
	for cam, rate := range m.rates {
		row := index.Row{
			Line: segment.Line{Camera: cam}, Start: end.Add(-time.Hour).UnixMicro(), End: end.UnixMicro(), Size: rate,
			Segment: media.NewUUID(), Head: [32]byte{byte(n), byte(n >> 8), 1}, Prev: [32]byte{byte(n - 1), byte((n - 1) >> 8), 1},
		}
		m.x.Add(index.Addition{Row: row})
		if n%3 == 0 {
			e := index.Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: end.Add(-40 * time.Minute), End: end.Add(-35 * time.Minute)}
			_, err := m.x.PutEvent(e, end)
			must(m, err)
		}
	}
	must(m, m.x.Checkpoint(0, nil))
	_, err := m.k.Pass(m.Context(), floor)
	must(m, err)
}

// What is foretold after two days is what is there after a month: to a tenth, and the length of two files.
func TestForecastOfAMonth(t *testing.T) {
	a, b, c := media.CameraID{1}, media.CameraID{2}, media.CameraID{3}
	rates := map[media.CameraID]int64{a: 3600 << 16, b: 3600 << 17, c: 3600 << 15} // 64, 128 and 32 KiB a second
	perDay := int64(24 * 3600 * (1<<16 + 1<<17 + 1<<15))
	for _, x := range []struct {
		what   string
		limits map[media.CameraID]Limit
		size   int64
	}{
		{"a small disk, and events for ten days", map[media.CameraID]Limit{
			a: {Days: 30, EventDays: 10}, b: {Days: 30}, c: {Days: 30},
		}, 6 * perDay},
		{"days", map[media.CameraID]Limit{a: {Days: 4, EventDays: 12}, b: {Days: 9}, c: {Days: 2, EventDays: 20}}, 100 * perDay},
		{"bytes of one", map[media.CameraID]Limit{
			a: {Bytes: 5 * 24 * rates[a], Days: 20, EventDays: 20}, b: {Days: 10}, c: {Days: 12, EventDays: 20},
		}, 100 * perDay},
		{"too small for the terms around events", map[media.CameraID]Limit{
			a: {Days: 12, EventDays: 18}, b: {Days: 12, EventDays: 18}, c: {Days: 12, EventDays: 18},
		}, 6 * perDay},
	} {
		t.Run(x.what, func(t *testing.T) {
			dir := quickDir(t)
			synctest.Test(t, func(t *testing.T) {
				index, err := index.Open(filepath.Join(dir, "index.db"))
				must(t, err)
				defer index.Close()
				m := &month{T: t, x: index, limits: x.limits, rates: rates, size: x.size, pages: make(map[media.CameraID]memory)}
				m.k = &Keeper{
					Index: index, Disk: nothing{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Table: m.table,
					Pages: func(cam media.CameraID) (ledger.Files, segment.Key, error) {
						if m.pages[cam] == nil {
							m.pages[cam] = make(memory)
						}
						return m.pages[cam], testKey{cam}, nil
					},
					Limits: func() (map[media.CameraID]Limit, error) { return m.limits, nil },
					Open:   func() map[media.CameraID]int64 { return nil },
					Space:  func() (Space, error) { return Space{Free: m.size - m.total(), Size: m.size}, nil },
				}
				floor := m.size / 20
				for n := range 48 {
					m.hour(n, floor)
				}
				early, err := m.k.Forecast(floor)
				must(t, err)
				for n := range 28 * 24 {
					m.hour(48+n, floor)
				}
				late, err := m.k.Forecast(floor)
				must(t, err)
				for cam, rate := range rates {
					days, eventDays := m.reality(cam)
					for when, f := range map[string]Forecast{"after two days": early, "after a month": late} {
						got := f.Cameras[cam]
						if near := got.Rate - 24*rate; max(near, -near) > 24*rate/100 {
							t.Errorf("%s: camera %d makes %d bytes a day, not %d", when, cam[0], 24*rate, got.Rate)
						}
						if math.Abs(got.Days-days) > days/10+2.0/24 || math.Abs(got.EventDays-eventDays) > eventDays/10+2.0/24 {
							t.Errorf("%s: camera %d keeps %.2f and %.2f days, foretold were %.2f and %.2f", when, cam[0], days, eventDays, got.Days, got.EventDays)
						}
					}
				}
			})
		})
	}
}

// reality says how many days back a camera's whole footage goes, and that around events.
func (m *month) reality(cam media.CameraID) (days, eventDays float64) {
	rows, err := m.x.Written(segment.Line{Camera: cam}, math.MinInt64, 1<<20)
	must(m, err)
	back := func(r index.Row) float64 { return time.Since(time.UnixMicro(r.Start)).Hours() / 24 }
	for _, r := range rows {
		eventDays = max(eventDays, back(r))
		if r.Freed == 0 {
			days = max(days, back(r))
		}
	}
	return days, eventDays
}

// Without footage nothing is foretold, and a camera that began an hour ago has the rate of that hour.
func TestForecastOfTheFirstHours(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.size = 1 << 40
		if f, err := r.k.Forecast(0); err != nil || len(f.Cameras) != 0 || f.Days != 0 {
			t.Errorf("%+v, %v", f, err)
		}
		cam := media.NewCameraID()
		row := r.record(cam, media.Main, time.Now(), 300)
		time.Sleep(5 * time.Minute)
		f, err := r.k.Forecast(0)
		r.must(err)
		if want := row.Size * 288; f.Cameras[cam].Rate < want*99/100 || f.Cameras[cam].Rate > want*101/100 {
			t.Errorf("%+v, want %d bytes a day", f, want)
		}
		time.Sleep(25 * time.Hour)
		if f, err := r.k.Forecast(0); err != nil || len(f.Cameras) != 0 {
			t.Errorf("nothing for a day: %+v, %v", f, err)
		}
	})
}
