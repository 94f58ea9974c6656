//go:build cgo

package main

import "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

// headers264 is what of a run's parameter sets is needed to read H.264's slice headers.
type headers264 struct {
	sps      h264.SPS
	chroma   bool // there is chroma, coded together with luma
	cabac    bool
	order    bool      // bottom_field_pic_order_in_frame_present_flag
	refs     [2]uint32 // in each list
	weighted bool
	bipred   uint32
	qp       int
}

func slice264(head byte) bool { return head&31 == 1 || head&31 == 5 }

// sets reads SPS and PPS (7.3.2.1, 7.3.2.2); false when they are not understood.
func (h *headers264) sets(sps, pps []byte) bool {
	if h.sps.Unmarshal(sps) != nil {
		return false
	}
	h.chroma = true
	switch h.sps.ProfileIdc {
	case 100, 110, 122, 244, 44: // the others say nothing of chroma: it is 4:2:0
		h.chroma = h.sps.ChromaFormatIdc != 0 && !h.sps.SeparateColourPlaneFlag
	}
	var buf [headBytes]byte
	b := bitReader{b: unescape(&buf, pps)}
	b.bits(8) // the NAL unit's header
	b.ue()    // pic_parameter_set_id
	b.ue()    // seq_parameter_set_id
	h.cabac = b.flag()
	h.order = b.flag()
	if b.ue() != 0 { // num_slice_groups_minus1
		return false
	}
	h.refs = [2]uint32{b.ue() + 1, b.ue() + 1}
	h.weighted = b.flag()
	h.bipred = b.bits(2)
	h.qp = 26 + b.se()
	return !b.spent
}

// read reads a slice header (7.3.3).
func (h *headers264) read(b bitReader, sets bool) sliceInfo {
	head := b.bits(8)
	s := sliceInfo{referred: head>>5&3 != 0, qp: -1}
	b.ue() // first_mb_in_slice
	kind := b.ue() % 5
	if b.spent || kind > 2 { // SP and SI are nobody's
		return s
	}
	s.kind = [...]sliceKind{sliceP, sliceB, sliceI}[kind]
	idr := head&31 == 5
	if sets && h.skipToQP(&b, s, idr) {
		s.qp = quality(h.qp, &b)
	}
	return s
}

// skipToQP reads what stands between slice_type and slice_qp_delta.
func (h *headers264) skipToQP(b *bitReader, s sliceInfo, idr bool) bool {
	b.ue() // pic_parameter_set_id
	if h.sps.SeparateColourPlaneFlag {
		b.bits(2)
	}
	b.bits(int(h.sps.Log2MaxFrameNumMinus4&15) + 4)
	field := !h.sps.FrameMbsOnlyFlag && b.flag()
	if field {
		b.flag()
	}
	if idr {
		b.ue() // idr_pic_id
	}
	counts := 0 // of the picture's order
	switch {
	case h.sps.PicOrderCntType == 0:
		b.bits(int(h.sps.Log2MaxPicOrderCntLsbMinus4&15) + 4)
	case h.sps.PicOrderCntType == 1 && !h.sps.DeltaPicOrderAlwaysZeroFlag:
		b.se()
	case h.sps.PicOrderCntType == 1, h.sps.PicOrderCntType == 2:
		counts = -1
	}
	if counts == 0 && h.order && !field {
		b.se()
	}
	if s.kind == sliceB {
		b.flag() // direct_spatial_mv_pred_flag
	}
	refs, ok := references(b, s.kind, h.refs)
	if !ok {
		return false
	}
	for range s.kind.lists() {
		if b.flag() && !skipModification(b) {
			return false
		}
	}
	if s.kind == sliceP && h.weighted || s.kind == sliceB && h.bipred == 1 {
		h.skipWeights(b, refs[:s.kind.lists()])
	}
	if s.referred && !skipMarking(b, idr) {
		return false
	}
	if h.cabac && s.kind != sliceI {
		b.ue() // cabac_init_idc
	}
	return !b.spent
}

// skipModification reads the rest of ref_pic_list_modification (7.3.3.1).
func skipModification(b *bitReader) bool {
	for range maxModifications {
		if b.ue() == 3 {
			return true
		}
		b.ue()
	}
	return false
}

// skipWeights reads pred_weight_table (7.3.3.2).
func (h *headers264) skipWeights(b *bitReader, refs []uint32) {
	b.ue()
	if h.chroma {
		b.ue()
	}
	for _, n := range refs {
		for range n {
			if b.flag() {
				b.se()
				b.se()
			}
			if h.chroma && b.flag() {
				for range 4 {
					b.se()
				}
			}
		}
	}
}

// skipMarking reads dec_ref_pic_marking (7.3.3.3).
func skipMarking(b *bitReader, idr bool) bool {
	if idr {
		b.bits(2)
		return true
	}
	if !b.flag() {
		return true
	}
	for range maxModifications {
		switch b.ue() {
		case 0:
			return true
		case 5:
		case 3:
			b.ue()
			b.ue()
		default:
			b.ue()
		}
	}
	return false
}
