package segment

import (
	"bytes"
	"errors"
	"testing"
)

// minutes is a file of two minutes without checkpoints, a record a second.
func minutes(t *testing.T, finished bool) (key testKey, file []byte, table []Entry) {
	key = newTestKey()
	h := testHeader(key)
	samples := smallSamples()[:1]
	for i := range int64(120) {
		samples = append(samples, sample{
			Record{Type: FragRecord, Key: i%2 == 0, DTS: i * 90000, Duration: 90000, Time: h.Start + i*1_000_000},
			bytes.Repeat([]byte{byte(i)}, 50),
		})
	}
	file, _, w := build(t, key, h, samples, finished)
	return key, file, w.Table()
}

// A record that is bad long before the end was not lost by a power cut, and nothing is cut for it: a file with a footer
// keeps it, one without stays as it is. Shortly before the end, it and all behind it is.
func TestDamageInTheMidstIsNotCut(t *testing.T) {
	for _, finished := range []bool{false, true} {
		for _, bad := range []int{0, 1, 60, 85, 95, 120} {
			key, file, table := minutes(t, finished)
			file[table[bad].Offset+40] ^= 1
			m := &memory{data: bytes.Clone(file), limit: -1}
			s, err := Recover(m, int64(len(file)), 0, key, Place{})
			midst := bad <= 85
			switch {
			case !midst && (err != nil || !s.Recovered || s.Records != bad):
				t.Errorf("finished %v, record %d: %v, %d records", finished, bad, err, s.Records)
			case midst && !bytes.Equal(m.data, file):
				t.Errorf("finished %v, record %d: the file was changed", finished, bad)
			case midst && finished && (err != nil || s.Recovered):
				t.Errorf("record %d: %v", bad, err)
			case midst && !finished && !errors.Is(err, ErrDamaged):
				t.Errorf("record %d: %v", bad, err)
			}
		}
	}
}

// Nothing can be read of a file whose first sector never came to the disk; one with a changed header is kept for who
// can make something of it.
func TestNoHeader(t *testing.T) {
	key, file, _ := minutes(t, false)
	clear(file[:512])
	for n, want := range map[int]bool{len(file): true, HeaderSize: true, 3: true} {
		m := &memory{data: bytes.Clone(file[:n]), limit: -1}
		if _, err := Recover(m, int64(n), 0, key, Place{}); errors.Is(err, ErrEmpty) != want || !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	file[30] = 1
	if _, err := Recover(&memory{data: file, limit: -1}, int64(len(file)), 0, key, Place{}); errors.Is(err, ErrEmpty) || !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}
