package fmp4

import (
	"encoding/binary"
	"fmt"

	"hearth/nvr/media/fmp4/box"
)

// Parse reads a fragment, or several one after another, as AppendFragment writes them. The samples' data lie in
// fragment itself. Anything that is not wholly there, or of another make, is an error that wraps box.ErrMalformed.
func Parse(fragment []byte) ([]TrackRun, error) {
	var runs []TrackRun
	err := eachTraf(fragment, func(t traf) error {
		r, err := t.samples()
		if err == nil {
			runs = append(runs, r)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// DTS gives the decoding time of sample i in ticks since the run's start.
func (r TrackRun) DTS(i int) uint64 {
	at := r.BaseDTS
	for _, s := range r.Samples[:i] {
		at += uint64(s.Duration)
	}
	return at
}

// traf is one track's part of a fragment, with its boxes checked for length and not yet read further.
type traf struct {
	fragment []byte // from the first byte of moof to the end of its mdat
	data     int    // where in it mdat's body starts
	track    int
	tfdt     []byte // body, 12 bytes
	baseDTS  uint64
	trun     []byte // body
}

// eachTraf walks over the tracks' parts of all fragments in b.
func eachTraf(b []byte, visit func(traf) error) error {
	for len(b) > 0 {
		moof, rest, err := box.Next(b)
		if err != nil {
			return err
		}
		if moof.Kind != "moof" {
			return fmt.Errorf("%w: %q where moof should be", box.ErrMalformed, moof.Kind)
		}
		mdat, after, err := box.Next(rest)
		if err != nil {
			return err
		}
		if mdat.Kind != "mdat" {
			return fmt.Errorf("%w: %q where mdat should be", box.ErrMalformed, mdat.Kind)
		}
		whole := b[:len(b)-len(after)]
		for body := moof.Body; len(body) > 0; {
			var x box.Box
			if x, body, err = box.Next(body); err != nil {
				return err
			}
			if x.Kind != "traf" {
				continue
			}
			t := traf{fragment: whole, data: moof.Size() + mdat.Head}
			if err := t.read(x.Body); err != nil {
				return err
			}
			if err := visit(t); err != nil {
				return err
			}
		}
		b = after
	}
	return nil
}

// read finds the boxes of a traf.
func (t *traf) read(b []byte) error {
	t.track = -1
	for len(b) > 0 {
		x, rest, err := box.Next(b)
		if err != nil {
			return err
		}
		b = rest
		switch x.Kind {
		case "tfhd":
			if len(x.Body) != 8 || binary.BigEndian.Uint32(x.Body) != tfhdBaseIsMoof {
				return fmt.Errorf("%w: foreign tfhd", box.ErrMalformed)
			}
			id := binary.BigEndian.Uint32(x.Body[4:])
			if id == 0 || id > 1<<16 {
				return fmt.Errorf("%w: track number %d", box.ErrMalformed, id)
			}
			t.track = int(id) - 1
		case "tfdt":
			if len(x.Body) != 12 || x.Body[0] != 1 {
				return fmt.Errorf("%w: foreign tfdt", box.ErrMalformed)
			}
			t.tfdt, t.baseDTS = x.Body, binary.BigEndian.Uint64(x.Body[4:])
		case "trun":
			if t.trun != nil {
				return fmt.Errorf("%w: two trun", box.ErrMalformed)
			}
			t.trun = x.Body
		}
	}
	if t.track < 0 || t.tfdt == nil || t.trun == nil {
		return fmt.Errorf("%w: traf without tfhd, tfdt or trun", box.ErrMalformed)
	}
	return nil
}

// samples reads the trun.
func (t *traf) samples() (TrackRun, error) {
	b := t.trun
	if len(b) < 12 {
		return TrackRun{}, fmt.Errorf("%w: trun of %d bytes", box.ErrMalformed, len(b))
	}
	head, count, offset := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	b = b[12:]
	per := 12
	switch head {
	case 1<<24 | trunDataOffset | trunDuration | trunSize | trunFlags:
	case 1<<24 | trunDataOffset | trunDuration | trunSize | trunFlags | trunCTO:
		per = 16
	default:
		return TrackRun{}, fmt.Errorf("%w: foreign trun %08x", box.ErrMalformed, head)
	}
	if uint64(count)*uint64(per) != uint64(len(b)) {
		return TrackRun{}, fmt.Errorf("%w: trun of %d samples in %d bytes", box.ErrMalformed, count, len(b))
	}
	if offset < uint32(t.data) || uint64(offset) > uint64(len(t.fragment)) {
		return TrackRun{}, fmt.Errorf("%w: data at %d of %d", box.ErrMalformed, offset, len(t.fragment))
	}
	data := t.fragment[offset:]
	r := TrackRun{Track: t.track, BaseDTS: t.baseDTS, Samples: make([]Sample, count)}
	for i := range r.Samples {
		s := &r.Samples[i]
		s.Duration = binary.BigEndian.Uint32(b)
		size := binary.BigEndian.Uint32(b[4:])
		s.Key = binary.BigEndian.Uint32(b[8:])&sampleNoSync == 0
		if per == 16 {
			s.CTO = int32(binary.BigEndian.Uint32(b[12:]))
		}
		if uint64(size) > uint64(len(data)) {
			return TrackRun{}, fmt.Errorf("%w: sample of %d bytes, %d are left", box.ErrMalformed, size, len(data))
		}
		s.Data, data, b = data[:size:size], data[size:], b[per:]
	}
	return r, nil
}
