package fmp4test

import (
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"hearth/nvr/media"
)

// SameUnits fails the test where packets are not the units of a track: other times, key frames or bytes.
func SameUnits(t testing.TB, track int, units []*media.AccessUnit, got []Packet) {
	t.Helper()
	i := 0
	for _, u := range units {
		if u.Track != track {
			continue
		}
		if i >= len(got) {
			t.Fatalf("track %d: only %d packets", track, i)
		}
		want := fmt.Sprintf("dts %d pts %d key %v crc %08x", u.DTS, u.PTS, u.Key, crc32.ChecksumIEEE(u.Data))
		have := fmt.Sprintf("dts %d pts %d key %v crc %s", got[i].DTS, got[i].PTS, strings.HasPrefix(got[i].Flags, "K"), strings.TrimPrefix(got[i].Hash, "CRC32:"))
		if want != have {
			t.Fatalf("track %d packet %d: %s, want %s", track, i, have, want)
		}
		i++
	}
	if i != len(got) {
		t.Errorf("track %d: %d packets, want %d", track, len(got), i)
	}
}
