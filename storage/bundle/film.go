package bundle

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4/box"
)

// maxHead bounds what is read of a film's index; a day of a camera has about 30 MB of it.
const maxHead = 1 << 30

// chunk is a stretch of samples of one track, as a film's index has it.
type chunk struct {
	offset, bytes int64
	track         int
	video         bool
	dts           int64 // of the first sample, ticks of the track
	samples       int
}

// plays reads a film's index, all that comes before its data, and says what is wrong with how it plays the records;
// "" when they are played whole, each once, in their order and at their times.
func plays(head []byte, size int64, records []placed) string {
	ftyp, rest, err := box.Next(head)
	if err != nil || ftyp.Kind != "ftyp" {
		return "it is no MP4 file"
	}
	moov, rest, err := box.Next(rest)
	if err != nil || moov.Kind != "moov" {
		return "its index is not where it should be"
	}
	// The data's own head: its length in 64 bits, to the end of the file.
	if len(rest) != 16 || binary.BigEndian.Uint32(rest) != 1 || string(rest[4:8]) != "mdat" ||
		int64(binary.BigEndian.Uint64(rest[8:])) != size-int64(len(head))+16 {
		return "its data is not where it should be"
	}
	chunks, err := chunksOf(moov.Body)
	if err != nil {
		return "its index is damaged: " + err.Error()
	}
	// Every byte of data is in one chunk, and every chunk in one record, the tracks' chunks in the order of the data.
	last := make(map[int]int64)
	for _, c := range chunks {
		if at, ok := last[c.track]; ok && c.offset < at {
			return "its index plays pictures in another order than they were recorded"
		}
		last[c.track] = c.offset
	}
	slices.SortStableFunc(chunks, func(a, b chunk) int { return cmp.Compare(a.offset, b.offset) })
	at, i := int64(len(head)), 0
	anchors := make(map[[16]byte]int64)
	for _, c := range chunks {
		if c.offset != at {
			return "its index plays something twice, or leaves something out"
		}
		for i < len(records) && c.offset >= records[i].Media.Offset+records[i].Media.Bytes {
			i++
		}
		if i == len(records) || c.offset < records[i].Media.Offset || c.offset+c.bytes > records[i].Media.Offset+records[i].Media.Bytes {
			return "its index cuts the recordings elsewhere than the manifest"
		}
		at += c.bytes
		if !c.video || c.offset != records[i].Media.Offset {
			continue
		}
		// Within a run, pictures are as far from each other as they were.
		shift := c.dts - records[i].DTS
		if known, ok := anchors[records[i].run]; ok && abs(known-shift) > media.VideoClockRate/100 {
			return fmt.Sprintf("it shows the pictures of %s at another time", stamp(records[i].Time))
		} else if !ok {
			anchors[records[i].run] = shift
		}
	}
	if at != size {
		return "its index leaves something out"
	}
	return ""
}

func abs(n int64) int64 { return max(n, -n) }

// chunksOf reads the sample tables of all tracks, each track's chunks in the order in which they are played.
func chunksOf(moov []byte) ([]chunk, error) {
	var all []chunk
	track := 0
	for len(moov) > 0 {
		b, rest, err := box.Next(moov)
		if err != nil {
			return nil, err
		}
		moov = rest
		if b.Kind != "trak" {
			continue
		}
		list, err := trackChunks(b.Body, track)
		if err != nil {
			return nil, fmt.Errorf("track %d: %w", track+1, err)
		}
		all = append(all, list...)
		track++
	}
	return all, nil
}

// rows reads a table of a full box: its count and that many rows of n numbers of 32 bits, nothing behind them.
func rows(body []byte, skip, n int) ([]byte, int, error) {
	if len(body) < 8+skip {
		return nil, 0, box.ErrMalformed
	}
	count := int(binary.BigEndian.Uint32(body[4+skip:]))
	if table := body[8+skip:]; len(table) == count*n*4 {
		return table, count, nil
	}
	return nil, 0, box.ErrMalformed
}

func u32(b []byte, i int) int64 { return int64(binary.BigEndian.Uint32(b[4*i:])) }

func trackChunks(trak []byte, track int) ([]chunk, error) {
	stbl := box.Find(trak, "mdia", "minf", "stbl")
	handler := box.Find(trak, "mdia", "hdlr")
	if len(handler) < 12 {
		return nil, box.ErrMalformed
	}
	video := string(handler[8:12]) == "vide"
	stsc, groups, err := rows(box.Find(stbl, "stsc"), 0, 3)
	if err != nil {
		return nil, fmt.Errorf("stsc: %w", err)
	}
	sizes, samples, err := rows(box.Find(stbl, "stsz"), 4, 1)
	if err != nil {
		return nil, fmt.Errorf("stsz: %w", err)
	}
	offsets, chunks, err := rows(box.Find(stbl, "co64"), 0, 2)
	if err != nil {
		return nil, fmt.Errorf("co64: %w", err)
	}
	times, steps, err := rows(box.Find(stbl, "stts"), 0, 2)
	if err != nil {
		return nil, fmt.Errorf("stts: %w", err)
	}
	if u32(box.Find(stbl, "stsz"), 1) != 0 { // a size for all
		return nil, fmt.Errorf("stsz: %w", box.ErrMalformed)
	}
	list := make([]chunk, chunks)
	sample, group, step, used, dts := 0, 0, 0, int64(0), int64(0)
	for i := range list {
		for group+1 < groups && u32(stsc, 3*(group+1)) <= int64(i+1) {
			group++
		}
		if group >= groups || u32(stsc, 3*group) > int64(i+1) || u32(stsc, 3*group+2) != 1 {
			return nil, fmt.Errorf("stsc: %w", box.ErrMalformed)
		}
		n := int(u32(stsc, 3*group+1))
		if n == 0 || n > samples-sample {
			return nil, fmt.Errorf("stsc: %w", box.ErrMalformed)
		}
		c := chunk{offset: int64(binary.BigEndian.Uint64(offsets[8*i:])), track: track, video: video, dts: dts, samples: n}
		for range n {
			c.bytes += u32(sizes, sample)
			sample++
			for step < steps && used == u32(times, 2*step) {
				step, used = step+1, 0
			}
			if step == steps {
				return nil, fmt.Errorf("stts: %w", box.ErrMalformed)
			}
			dts += u32(times, 2*step+1)
			used++
		}
		list[i] = c
	}
	if sample != samples || step+1 != steps || used != u32(times, 2*step) {
		return nil, box.ErrMalformed
	}
	return list, nil
}
