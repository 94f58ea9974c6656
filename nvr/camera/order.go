package camera

import (
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"hearth/nvr/media"
)

// maxReorder is the most pictures that may overtake one (H.264 A.3.1 and H.265 A.4: the picture buffer holds 16).
const maxReorder = 16

// order finds decoding times. RTP carries the time at which a picture is shown; with B-frames that is not the order
// in which pictures come.
//
// Where the stream says how many pictures may overtake another one (its reorder depth n), the decoding times are the
// presentation times in rising order, n pictures late: n times before the first picture are made up. Where an H.264
// stream does not say, mediacommon's extractor finds out from the picture order counts.
type order struct {
	depth   int
	window  []int64 // the depth+1 latest presentation times that are no decoding times yet, rising
	frame   int64   // ticks from one picture to the next, as far as known
	extract *h264.DTSExtractor
	sps     []byte // for extract, until its first use

	begun bool
	last  int64
}

// newOrder reads the parameters of a video track.
func newOrder(t media.Track, frame int64) *order {
	o := &order{frame: max(frame, 1)}
	switch t.Codec {
	case media.H264:
		var sps h264.SPS
		if sps.Unmarshal(t.SPS) != nil {
			break
		}
		switch {
		case sps.PicOrderCntType == 2 || sps.ProfileIdc == 66: // output order is decoding order; baseline has no B-frames
		case sps.VUI != nil && sps.VUI.BitstreamRestriction != nil:
			o.depth = int(min(sps.VUI.BitstreamRestriction.MaxNumReorderFrames, maxReorder))
		default:
			o.useExtractor(t.SPS)
		}
	case media.H265:
		var sps h265.SPS
		if sps.Unmarshal(t.SPS) == nil {
			for _, n := range sps.MaxNumReorderPics { // of all sub-layers the last is the most
				o.depth = int(min(n, maxReorder))
			}
		}
	}
	return o
}

func (o *order) useExtractor(sps []byte) {
	o.extract = &h264.DTSExtractor{}
	o.extract.Initialize()
	o.sps = sps
}

// restart forgets what came before: the next picture is a key frame after a gap.
func (o *order) restart() {
	o.window = o.window[:0]
	if o.extract != nil && o.begun {
		o.useExtractor(o.sps)
	}
}

// next takes the presentation time of the next picture in decoding order and its first slice, and gives its
// decoding time, which rises strictly, and its presentation time, not before that.
func (o *order) next(pts int64, slice []byte) (dts, shown int64) {
	dts = pts
	switch {
	case o.extract != nil:
		if d, err := o.extract.Extract(o.unit(slice), pts); err == nil {
			dts = min(d, pts)
		}
	case o.depth > 0:
		if len(o.window) == 0 {
			for i := range o.depth {
				o.window = append(o.window, pts-int64(o.depth-i)*o.frame)
			}
		}
		i, _ := slices.BinarySearch(o.window, pts)
		o.window = slices.Insert(o.window, i, pts)
		dts = o.window[0]
		o.window = slices.Delete(o.window, 0, 1)
	}
	if o.begun && dts <= o.last {
		dts = o.last + 1
	}
	o.begun, o.last = true, dts
	return dts, max(pts, dts)
}

// unit is what the extractor wants to see: the parameters with each slice of a key frame, and the slice.
func (o *order) unit(slice []byte) [][]byte {
	if len(slice) == 0 {
		return nil
	}
	if h264.NALUType(slice[0]&0x1f) == h264.NALUTypeIDR {
		return [][]byte{o.sps, slice}
	}
	return [][]byte{slice}
}
