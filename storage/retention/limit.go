package retention

// Limit is what one camera may keep. Zero values do not limit.
type Limit struct {
	Bytes int64
	// Days is for all footage, EventDays for that around events where it is more. Without Days there is no limit of
	// days.
	Days, EventDays int
}

// eventDays is how long footage around events stays; 0: without limit.
func (l Limit) eventDays() int {
	if l.Days <= 0 {
		return 0
	}
	return max(l.Days, l.EventDays)
}

// Space is a volume's, in bytes.
type Space struct{ Free, Size int64 }

// Floor is the free space to keep on a volume: 5 %, or two files of each stream when those are larger, but never more
// than a fifth. files is the mean size of a file times the number of streams.
func Floor(size, files int64) int64 { return min(max(size/20, 2*files), size/5) }

// Freed says what a pass let go of.
type Freed struct {
	Files int   // whole ones
	Pared int   // files of which parts went
	Bytes int64 // of both
	// Short says that a limit or the floor is still not kept: nothing more can be let go of.
	Short bool
}
