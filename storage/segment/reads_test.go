package segment

import (
	"bytes"
	"io"
	"testing"
)

// counting counts reads.
type counting struct {
	io.ReaderAt
	reads int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	return c.ReaderAt.ReadAt(p, off)
}

// Who seeks waits for the disk at each read: the header and the footer are one each, unless the footer is very long.
func TestOpeningTakesTwoReads(t *testing.T) {
	for records, want := range map[int]int{1: 2, 612: 2, 962: 2, 963: 3, 2000: 3} {
		key := newTestKey()
		w, err := NewWriter(key, testHeader(key))
		if err != nil {
			t.Fatal(err)
		}
		file := w.AppendHeader(nil)
		for i := range records {
			if file, err = w.AppendRecord(file, Record{Type: FragRecord, DTS: int64(i)}, []byte("fragment")); err != nil {
				t.Fatal(err)
			}
		}
		file = w.AppendFooter(file)
		c := &counting{ReaderAt: bytes.NewReader(file)}
		r, err := Open(c, int64(len(file)), key)
		if err != nil || len(r.Table()) != records || r.Table()[records-1].DTS != int64(records-1) {
			t.Fatalf("%d records: %v", records, err)
		}
		if c.reads != want {
			t.Errorf("%d records: %d reads, want %d", records, c.reads, want)
		}
	}
}
