package retention

import (
	"math"
	"slices"
	"time"

	"hearth/nvr/media"
	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/segment"
)

// Term is how long footage will be kept when it goes on coming as it does now.
type Term struct {
	Days      float64 // all footage; 0: not known yet
	EventDays float64 // footage around events; at least Days
	Rate      int64   // bytes a day
}

// Forecast is the terms of the cameras that are recorded now, and the shortest of them.
type Forecast struct {
	Term    // Rate is the sum
	Cameras map[media.CameraID]Term
}

const (
	// longest is how many days a term may have: without a limit of days, footage around events is taken to stay so long.
	longest = 365.0
	// paused is how long after its last file a camera counts as recorded up to that file's end: another may be open.
	paused = 15 * time.Minute
	// soonest is how much footage there must be before a rate means something.
	soonest = time.Minute
)

// flow is what a camera makes a day, and what it may keep.
type flow struct {
	camera media.CameraID
	rate   float64 // bytes a day
	event  float64 // of these around events
	limit  Limit
}

func (f flow) days() float64 {
	if f.limit.Days > 0 {
		return min(float64(f.limit.Days), longest)
	}
	return longest
}

func (f flow) eventDays() float64 {
	if n := f.limit.eventDays(); n > 0 {
		return min(float64(n), longest)
	}
	return longest
}

// bytes is what is kept for so many days, and around events for so many.
func (f flow) bytes(days, eventDays float64) float64 {
	days = min(days, f.days())
	eventDays = max(min(eventDays, f.eventDays()), days)
	return f.rate*days + f.event*(eventDays-days)
}

// most is all that the camera may keep.
func (f flow) most() float64 {
	n := f.bytes(longest, longest)
	if f.limit.Bytes > 0 {
		n = min(n, float64(f.limit.Bytes))
	}
	return n
}

// terms gives the days that flows are kept for which share bytes: footage goes by its age, that around events last, but
// what is of the last day before older events.
func terms(flows []flow, bytes float64) (days, eventDays float64) {
	sum := func(days, eventDays float64) (n float64) {
		for _, f := range flows {
			n += f.bytes(days, eventDays)
		}
		return n
	}
	switch {
	case sum(1, 1) > bytes: // not even a day
		days = solve(0, 1, bytes, func(d float64) float64 { return sum(d, d) })
		return days, days
	case sum(1, longest) > bytes:
		return 1, solve(1, longest, bytes, func(d float64) float64 { return sum(1, d) })
	}
	return solve(1, longest, bytes, func(d float64) float64 { return sum(d, longest) }), longest
}

// solve finds the largest x in from..to for which a rising function is at most y.
func solve(from, to, y float64, f func(float64) float64) float64 {
	if f(to) <= y {
		return to
	}
	for range 60 {
		if mid := (from + to) / 2; f(mid) <= y {
			from = mid
		} else {
			to = mid
		}
	}
	return from
}

// forecast shares a capacity in bytes among flows, as retention does: in proportion to limits of bytes, and by age among
// those that have none.
func forecast(flows []flow, capacity float64) Forecast {
	result := Forecast{Cameras: make(map[media.CameraID]Term)}
	limits, bytes := make(map[media.CameraID]Limit), make(map[media.CameraID]int64)
	for _, f := range flows {
		limits[f.camera], bytes[f.camera] = f.limit, 1
	}
	type share struct {
		flows        []flow
		weight, most float64
	}
	var shares []share
	for _, p := range parties(limits, bytes) {
		s := share{weight: p.weight}
		for _, f := range flows {
			if p.has(f.camera) {
				s.flows = append(s.flows, f)
				s.most += f.most()
			}
		}
		shares = append(shares, s)
	}
	// How full each may be for its weight.
	full := math.Exp(solve(-60, 60, capacity, func(level float64) (n float64) {
		for _, s := range shares {
			n += min(math.Exp(level)*s.weight, s.most)
		}
		return n
	}))
	for _, s := range shares {
		days, eventDays := terms(s.flows, min(full*s.weight, s.most))
		for _, f := range s.flows {
			result.add(f, days, eventDays)
		}
	}
	return result
}

func (r *Forecast) add(f flow, days, eventDays float64) {
	t := Term{Days: min(days, f.days()), Rate: int64(math.Round(f.rate))}
	t.EventDays = max(min(eventDays, f.eventDays()), t.Days)
	r.put(f.camera, t)
}

func (r *Forecast) put(camera media.CameraID, t Term) {
	if r.Cameras[camera] = t; r.Rate == 0 || t.Days < r.Days {
		r.Days = t.Days
	}
	if r.Rate == 0 || t.EventDays < r.EventDays {
		r.EventDays = t.EventDays
	}
	r.Rate += t.Rate
}

// Together makes one of the forecasts of several volumes. A camera that is in more than one has the term of where it
// makes most.
func Together(list []Forecast) Forecast {
	cameras := make(map[media.CameraID]Term)
	for _, f := range list {
		for camera, t := range f.Cameras {
			if t.Rate >= cameras[camera].Rate {
				cameras[camera] = t
			}
		}
	}
	all := Forecast{Cameras: make(map[media.CameraID]Term)}
	for camera, t := range cameras {
		all.put(camera, t)
	}
	return all
}

// Forecast says how many days of footage the volume will hold at the rate of the last 24 hours, or of the time since the
// first footage. It may be called while a pass is on. Cameras that were not recorded in that time are not in it.
func (k *Keeper) Forecast(floor int64) (Forecast, error) {
	limits, err := k.Limits()
	if err != nil {
		return Forecast{}, err
	}
	space, err := k.Space()
	if err != nil {
		return Forecast{}, err
	}
	bytes, err := k.bytes(k.own, false)
	if err != nil {
		return Forecast{}, err
	}
	capacity := space.Free - floor
	var flows []flow
	for camera, n := range bytes {
		capacity += n
		f, ok, err := k.flow(camera, limits[camera])
		if err != nil {
			return Forecast{}, err
		}
		if ok {
			flows = append(flows, f)
		}
	}
	for _, n := range k.Open() {
		capacity += n
	}
	if k.Total > 0 {
		capacity = min(capacity, k.Total)
	}
	slices.SortFunc(flows, func(a, b flow) int { return slices.Compare(a.camera[:], b.camera[:]) })
	return forecast(flows, max(float64(capacity), 0)), nil
}

// flow measures what a camera makes a day; ok is false when that cannot be said.
func (k *Keeper) flow(camera media.CameraID, limit Limit) (f flow, ok bool, err error) {
	now := time.Now()
	begin := now.Add(-24 * time.Hour).UnixMicro()
	from, to := now.UnixMicro(), begin
	var sum float64
	var lines [][]index.Row
	for _, s := range []media.Stream{media.Main, media.Sub} {
		rows, err := k.Index.Rows(segment.Line{Camera: camera, Stream: s}, begin, now.UnixMicro())
		if err != nil {
			return f, false, err
		}
		for _, r := range rows {
			if r.Volume != k.Volume {
				continue
			}
			in := float64(min(r.End, now.UnixMicro())-max(r.Start, begin)) / float64(max(r.End-r.Start, 1))
			sum += float64(r.Size) * max(min(in, 1), 0)
			from, to = min(from, max(r.Start, begin)), max(to, r.End)
		}
		lines = append(lines, rows)
	}
	since, any, err := k.Index.Since(camera)
	if err != nil || !any || to <= begin {
		return f, false, err
	}
	from = min(from, max(since.UnixMicro(), begin)) // there was a camera, though nothing was recorded
	if now.UnixMicro()-to > paused.Microseconds() {
		to = now.UnixMicro()
	}
	lost, err := k.lost(camera, lines, from, to)
	if err != nil || to-from-lost < soonest.Microseconds() {
		return f, false, err
	}
	events, err := k.Index.EventSpans(camera, from, to)
	if err != nil {
		return f, false, err
	}
	f = flow{camera: camera, limit: limit, rate: sum * (24 * time.Hour).Seconds() * 1e6 / float64(to-from-lost)}
	f.event = f.rate * min(share(around(events, false), from, to), 1)
	return f, f.rate > 0, nil
}

// lost is for how long, in microseconds, there was footage that is gone by now with its files, of the camera's line of
// which the least is gone.
func (k *Keeper) lost(camera media.CameraID, lines [][]index.Row, from, to int64) (int64, error) {
	least := int64(math.MaxInt64)
	for i, rows := range lines {
		if len(rows) == 0 {
			continue
		}
		gaps, err := k.Index.Gaps(segment.Line{Camera: camera, Stream: []media.Stream{media.Main, media.Sub}[i]}, from-recent.Microseconds(), to)
		if err != nil {
			return 0, err
		}
		var gone []span
		for _, g := range gaps {
			if g.Reason == ledger.LetGo && !slices.ContainsFunc(rows, func(r index.Row) bool { return g.From < r.End && g.To > r.Start }) {
				gone = append(gone, span{max(g.From, from), min(g.To, to)})
			}
		}
		least = min(least, int64(share(gone, from, to)*float64(to-from)))
	}
	if least == math.MaxInt64 {
		return 0, nil
	}
	return least, nil
}
