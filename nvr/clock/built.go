package clock

import (
	"runtime/debug"
	"time"
)

// Built is when the source that this program was made from was last changed, as the Go tool wrote it down; zero if it
// did not.
func Built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, err := time.Parse(time.RFC3339, s.Value)
			if err == nil {
				return t
			}
		}
	}
	return time.Time{}
}
