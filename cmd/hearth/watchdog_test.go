package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"hearth/nvr"
	"hearth/storage"
)

func TestPulse(t *testing.T) {
	gone := errors.New("the page does not answer")
	for name, c := range map[string]struct {
		at   func(second int) sample // every 20 s
		want string                  // of the error at the end; empty: it lives all the time
	}{
		"no cameras": {at: func(int) sample { return sample{} }},
		"all is well": {at: func(n int) sample {
			return sample{cameras: nvr.Pulse{Due: 2, Fragments: uint64(4 * n)}, disks: storage.Pulse{Commits: uint64(n)}}
		}},
		"cameras come after an hour": {at: func(n int) sample {
			if n < 3600 {
				return sample{}
			}
			return sample{cameras: nvr.Pulse{Due: 1, Fragments: uint64(n - 3600)}, disks: storage.Pulse{Commits: uint64(n)}}
		}},
		"a camera goes, so the sum falls": {at: func(n int) sample {
			return sample{cameras: nvr.Pulse{Due: 1, Fragments: uint64(1_000_000 - n)}, disks: storage.Pulse{Commits: uint64(n)}}
		}},
		"a disk takes its time": {at: func(n int) sample {
			return sample{cameras: nvr.Pulse{Due: 1, Fragments: uint64(n)}, disks: storage.Pulse{Busy: time.Duration(n+1) * time.Second}}
		}},
		"a disk takes its time, and takes no more": {at: func(n int) sample {
			return sample{cameras: nvr.Pulse{Due: 1, Fragments: uint64(min(n, 10))}, disks: storage.Pulse{Busy: time.Duration(n+1) * time.Second}}
		}},
		"the disks are full or gone": {at: func(int) sample { return sample{disks: storage.Pulse{Commits: 7}} }},
		"nothing is cut": {
			at: func(n int) sample {
				return sample{cameras: nvr.Pulse{Due: 3, Fragments: 5}, disks: storage.Pulse{Commits: uint64(n)}}
			},
			want: "3 cameras send pictures, and nothing of them was recorded for 1m20s",
		},
		"nothing is written": {
			at: func(n int) sample {
				return sample{cameras: nvr.Pulse{Due: 3, Fragments: uint64(n)}, disks: storage.Pulse{Commits: 9}}
			},
			want: "nothing of what 3 cameras send has reached a disk for 1m20s",
		},
		"the page is gone": {at: func(int) sample { return sample{page: gone} }, want: "for 1m20s: the page does not answer"},
		"the page is gone for a moment, now and then": {at: func(n int) sample {
			if n%80 != 0 {
				return sample{page: gone}
			}
			return sample{}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var p pulse
			began := time.Now()
			for n := 0; n <= 7200; n += 20 {
				err := p.beats(began.Add(time.Duration(n)*time.Second), c.at(n))
				switch {
				case err == nil && n > 80 && c.want != "":
					t.Fatalf("after %d s it is said to live", n)
				case err != nil && (c.want == "" || n <= 60):
					t.Fatalf("after %d s: %v", n, err)
				case err != nil:
					if !strings.Contains(err.Error(), c.want) {
						t.Fatalf("after %d s: %v, want %q", n, err, c.want)
					}
					return
				}
			}
		})
	}
}
