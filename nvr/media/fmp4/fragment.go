package fmp4

import (
	"encoding/binary"
	"fmt"

	"hearth/nvr/media/fmp4/box"
)

// Sample is one access unit inside a fragment.
type Sample struct {
	Duration uint32 // ticks of its track's clock until the next sample's decoding time
	CTO      int32  // composition time offset: PTS less DTS, in ticks
	Key      bool   // a decoder can start here
	Data     []byte
}

// TrackRun is a stretch of one track's samples, one after another.
type TrackRun struct {
	Track   int    // index into the run's tracks
	BaseDTS uint64 // decoding time of the first sample, in ticks since the run's start
	Samples []Sample
}

// Flags of tfhd, trun and of samples (ISO/IEC 14496-12, 8.8.7, 8.8.8, 8.8.3.1).
const (
	tfhdBaseIsMoof = 0x020000

	trunDataOffset = 0x000001
	trunDuration   = 0x000100
	trunSize       = 0x000200
	trunFlags      = 0x000400
	trunCTO        = 0x000800

	sampleKey    = 0x02000000 // depends on no other
	sampleOther  = 0x01010000 // depends on others, is no sync sample
	sampleNoSync = 0x00010000
)

// Bytes of the boxes that a fragment always has.
const (
	moofSize = 8 + 16           // moof, mfhd
	trafSize = 8 + 16 + 20 + 20 // traf, tfhd, tfdt, trun without samples
	mdatSize = 8
)

// hasCTO says whether any sample is shown at another time than it is decoded.
func (r TrackRun) hasCTO() bool {
	for i := range r.Samples {
		if r.Samples[i].CTO != 0 {
			return true
		}
	}
	return false
}

// HeaderSize gives the length in bytes of what AppendHeader appends.
func HeaderSize(runs []TrackRun) int {
	n := moofSize + mdatSize
	for i := range runs {
		per := 12
		if runs[i].hasCTO() {
			per = 16
		}
		n += trafSize + per*len(runs[i].Samples)
	}
	return n
}

// DataSize gives the length in bytes of all the samples.
func DataSize(runs []TrackRun) int {
	n := 0
	for i := range runs {
		for j := range runs[i].Samples {
			n += len(runs[i].Samples[j].Data)
		}
	}
	return n
}

// AppendFragment appends a whole fragment, moof and mdat. With a buffer that has room for HeaderSize and DataSize
// it allocates nothing.
func AppendFragment(dst []byte, seq uint32, runs []TrackRun) []byte {
	dst = AppendHeader(dst, seq, runs)
	for i := range runs {
		for j := range runs[i].Samples {
			dst = append(dst, runs[i].Samples[j].Data...)
		}
	}
	return dst
}

// AppendHeader appends all of a fragment but the samples: moof and the head of mdat. What must follow is the data
// of every sample, run by run. A fragment holds less than 4 GiB.
func AppendHeader(dst []byte, seq uint32, runs []TrackRun) []byte {
	offset := uint32(HeaderSize(runs)) // of the next track's data, from the first byte of moof
	total := uint32(mdatSize + DataSize(runs))
	b, moof := box.Begin(dst, "moof")
	b, mfhd := box.BeginFull(b, "mfhd", 0, 0)
	b = box.End(box.U32(b, seq), mfhd)
	for i := range runs {
		r := &runs[i]
		b, offset = r.append(b, offset)
	}
	b = box.End(b, moof)
	b = box.U32(b, total)
	return append(b, "mdat"...)
}

// append appends a traf whose data starts at offset, and says where the next one's does.
func (r *TrackRun) append(b []byte, offset uint32) ([]byte, uint32) {
	b, traf := box.Begin(b, "traf")
	b, tfhd := box.BeginFull(b, "tfhd", 0, tfhdBaseIsMoof)
	b = box.End(box.U32(b, uint32(r.Track+1)), tfhd)
	b, tfdt := box.BeginFull(b, "tfdt", 1, 0)
	b = box.End(box.U64(b, r.BaseDTS), tfdt)
	flags, cto := uint32(trunDataOffset|trunDuration|trunSize|trunFlags), r.hasCTO()
	if cto {
		flags |= trunCTO
	}
	b, trun := box.BeginFull(b, "trun", 1, flags)
	b = box.U32(b, uint32(len(r.Samples)))
	b = box.U32(b, offset)
	for j := range r.Samples {
		s := &r.Samples[j]
		b = box.U32(b, s.Duration)
		b = box.U32(b, uint32(len(s.Data)))
		if s.Key {
			b = box.U32(b, sampleKey)
		} else {
			b = box.U32(b, sampleOther)
		}
		if cto {
			b = box.U32(b, uint32(s.CTO))
		}
		offset += uint32(len(s.Data))
	}
	b = box.End(b, trun)
	return box.End(b, traf), offset
}

// Shift moves the times of a fragment, or of several one after another, in place: track i's by by[i] ticks of its
// own clock, a track beyond the list by none. It refuses a fragment that it cannot read and a time below zero, and
// then has changed nothing.
func Shift(fragment []byte, by []int64) error {
	for _, move := range [2]bool{false, true} {
		err := eachTraf(fragment, func(traf traf) error {
			if traf.track >= len(by) {
				return nil
			}
			at := int64(traf.baseDTS) + by[traf.track]
			if at < 0 || int64(traf.baseDTS) < 0 {
				return fmt.Errorf("shift track %d by %d ticks: before zero", traf.track, by[traf.track])
			}
			if move {
				binary.BigEndian.PutUint64(traf.tfdt[4:], uint64(at))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
