package sim

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"hearth/nvr/media"
)

// readMP4 reads the first track of video that can be played of a file that is not fragmented.
func readMP4(file string) (*Clip, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return parseMP4(f, info.Size())
}

// parseMP4 reads what is size bytes long.
func parseMP4(f readSeekerAt, size int64) (*Clip, error) {
	tracks, err := mp4.ExtractBox(f, nil, mp4.BoxPath{mp4.BoxTypeMoov(), mp4.BoxTypeTrak()})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrClip, err)
	}
	for _, track := range tracks {
		t, err := readTables(f, track)
		if err != nil {
			return nil, err
		}
		if t.clip.Codec == "" {
			continue
		}
		return t.read(f, size)
	}
	return nil, fmt.Errorf("%w: no H.264, H.265 or AV1 track", ErrClip)
}

type readSeekerAt interface {
	io.ReadSeeker
	io.ReaderAt
}

// tables are what a track's boxes say of its samples (ISO/IEC 14496-12, 8.6 and 8.7).
type tables struct {
	clip    Clip
	prefix  int // bytes of a NAL unit's length
	scale   uint32
	stts    *mp4.Stts
	ctts    *mp4.Ctts
	stss    *mp4.Stss
	stsc    *mp4.Stsc
	stsz    *mp4.Stsz
	offsets []uint64 // of chunks
}

func readTables(r io.ReadSeeker, track *mp4.BoxInfo) (*tables, error) {
	mdia, minf, stbl := mp4.BoxTypeMdia(), mp4.BoxTypeMinf(), mp4.BoxTypeStbl()
	in := func(names ...mp4.BoxType) mp4.BoxPath { return append(mp4.BoxPath{mdia, minf, stbl}, names...) }
	boxes, err := mp4.ExtractBoxesWithPayload(r, track, []mp4.BoxPath{
		{mdia, mp4.BoxTypeMdhd()},
		in(mp4.BoxTypeStsd(), mp4.BoxTypeAvc1(), mp4.BoxTypeAvcC()),
		in(mp4.BoxTypeStsd(), mp4.BoxTypeHev1(), mp4.BoxTypeHvcC()),
		in(mp4.BoxTypeStsd(), mp4.BoxTypeHvc1(), mp4.BoxTypeHvcC()),
		in(mp4.BoxTypeStsd(), mp4.BoxTypeAv01(), mp4.BoxTypeAv1C()),
		in(mp4.BoxTypeStts()),
		in(mp4.BoxTypeCtts()),
		in(mp4.BoxTypeStss()),
		in(mp4.BoxTypeStsc()),
		in(mp4.BoxTypeStsz()),
		in(mp4.BoxTypeStco()),
		in(mp4.BoxTypeCo64()),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrClip, err)
	}
	t := &tables{}
	for _, b := range boxes {
		switch b := b.Payload.(type) {
		case *mp4.Mdhd:
			t.scale = b.Timescale
		case *mp4.AVCDecoderConfiguration:
			t.clip.Codec, t.prefix = media.H264, int(b.LengthSizeMinusOne)+1
			for _, p := range b.SequenceParameterSets {
				t.clip.SPS = p.NALUnit
			}
			for _, p := range b.PictureParameterSets {
				t.clip.PPS = p.NALUnit
			}
		case *mp4.HvcC:
			t.clip.Codec, t.prefix = media.H265, int(b.LengthSizeMinusOne)+1
			for _, a := range b.NaluArrays {
				for _, n := range a.Nalus {
					switch h265.NALUType(a.NaluType) {
					case h265.NALUType_VPS_NUT:
						t.clip.VPS = n.NALUnit
					case h265.NALUType_SPS_NUT:
						t.clip.SPS = n.NALUnit
					case h265.NALUType_PPS_NUT:
						t.clip.PPS = n.NALUnit
					}
				}
			}
		case *mp4.Av1C:
			var described av1.Bitstream
			if described.Unmarshal(b.ConfigOBUs) == nil && len(described) > 0 {
				t.clip.Codec, t.clip.Config = media.AV1, described[0]
			}
		case *mp4.Stts:
			t.stts = b
		case *mp4.Ctts:
			t.ctts = b
		case *mp4.Stss:
			t.stss = b
		case *mp4.Stsc:
			t.stsc = b
		case *mp4.Stsz:
			t.stsz = b
		case *mp4.Stco:
			for _, o := range b.ChunkOffset {
				t.offsets = append(t.offsets, uint64(o))
			}
		case *mp4.Co64:
			t.offsets = b.ChunkOffset
		}
	}
	return t, nil
}

// described says whether what has to come before the pictures is there.
func (c *Clip) described() bool {
	if c.Codec == media.AV1 {
		return len(c.Config) > 0
	}
	return len(c.SPS) > 0 && len(c.PPS) > 0
}

// read collects the samples. size is the file's.
func (t *tables) read(r io.ReaderAt, size int64) (*Clip, error) {
	if t.scale == 0 || t.stts == nil || t.stsc == nil || t.stsz == nil || !t.clip.described() {
		return nil, fmt.Errorf("%w: tables are missing (is the file fragmented?)", ErrClip)
	}
	c := &t.clip
	ticks := func(v int64) int64 { return v * media.VideoClockRate / int64(t.scale) }
	var dts int64
	durations, shifts := t.durations(), t.shifts()
	n := 0 // sample
	for chunk, at := range t.offsets {
		for range t.inChunk(chunk) {
			if n == int(t.stsz.SampleCount) {
				break
			}
			length := int64(t.stsz.SampleSize)
			if length == 0 {
				if n >= len(t.stsz.EntrySize) {
					return nil, fmt.Errorf("%w: picture %d has no size", ErrClip, n)
				}
				length = int64(t.stsz.EntrySize[n])
			}
			if int64(at) < 0 || int64(at) > size || length > size-int64(at) {
				return nil, fmt.Errorf("%w: picture %d lies beyond the file's end", ErrClip, n)
			}
			data := make([]byte, length)
			if _, err := r.ReadAt(data, int64(at)); err != nil {
				return nil, fmt.Errorf("picture %d: %w", n, err)
			}
			nals, err := t.parts(data)
			if err != nil {
				return nil, fmt.Errorf("picture %d: %w", n, err)
			}
			at += uint64(length)
			c.Units = append(c.Units, ClipUnit{
				DTS: ticks(dts), PTS: ticks(dts + shifts()), Key: t.isKey(n), NALs: nals,
			})
			dts += durations()
			n++
		}
	}
	return c, c.prepare(ticks(dts))
}

// durations yields the samples' durations one after the other; 0 when there are no more.
func (t *tables) durations() func() int64 {
	entry, used := 0, uint32(0)
	return func() int64 {
		for entry < len(t.stts.Entries) && used == t.stts.Entries[entry].SampleCount {
			entry, used = entry+1, 0
		}
		if entry == len(t.stts.Entries) {
			return 0
		}
		used++
		return int64(t.stts.Entries[entry].SampleDelta)
	}
}

// shifts yields how much later than decoded each sample is shown.
func (t *tables) shifts() func() int64 {
	entry, used := 0, uint32(0)
	return func() int64 {
		if t.ctts == nil {
			return 0
		}
		for entry < len(t.ctts.Entries) && used == t.ctts.Entries[entry].SampleCount {
			entry, used = entry+1, 0
		}
		if entry == len(t.ctts.Entries) {
			return 0
		}
		used++
		return t.ctts.GetSampleOffset(entry)
	}
}

// inChunk is how many samples a chunk has, counted from 0.
func (t *tables) inChunk(chunk int) uint32 {
	n := uint32(0)
	for _, e := range t.stsc.Entries {
		if int(e.FirstChunk) > chunk+1 {
			break
		}
		n = e.SamplesPerChunk
	}
	return n
}

// isKey says whether a decoder can start at a sample, counted from 0.
func (t *tables) isKey(n int) bool {
	if t.stss == nil {
		return true
	}
	for _, k := range t.stss.SampleNumber {
		if int(k) == n+1 {
			return true
		}
	}
	return false
}

// parts cuts a sample to NAL units or OBUs.
func (t *tables) parts(data []byte) ([][]byte, error) {
	if t.clip.Codec != media.AV1 {
		return split(data, t.prefix)
	}
	var obus av1.Bitstream
	if err := obus.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrClip, err)
	}
	return obus, nil
}

// split cuts a sample to NAL units, each after its length in prefix bytes.
func split(data []byte, prefix int) ([][]byte, error) {
	var nals [][]byte
	for len(data) > 0 {
		if len(data) < prefix {
			return nil, fmt.Errorf("%w: a NAL unit's length is cut off", ErrClip)
		}
		var wide [4]byte
		copy(wide[4-prefix:], data)
		n := int64(binary.BigEndian.Uint32(wide[:]))
		data = data[prefix:]
		if n > int64(len(data)) {
			return nil, fmt.Errorf("%w: a NAL unit is cut off", ErrClip)
		}
		nals = append(nals, data[:n])
		data = data[n:]
	}
	return nals, nil
}
