//go:build cgo

package main

import (
	"math/bits"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// headers265 is what of a run's parameter sets is needed to read H.265's slice headers.
type headers265 struct {
	sps              h265.SPS
	chroma           bool
	output           bool // output_flag_present_flag
	extra            int  // num_extra_slice_header_bits
	cabac            bool // cabac_init_present_flag
	weighted, bipred bool
	lists            bool      // lists_modification_present_flag
	refs             [2]uint32 // in each list
	qp               int
}

func slice265(head byte) bool { return head>>1&63 < 32 }

// sets reads SPS and PPS (7.3.2.2, 7.3.2.3); false when they are not understood, or are of a kind that no camera uses.
func (h *headers265) sets(sps, pps []byte) bool {
	if h.sps.Unmarshal(sps) != nil {
		return false
	}
	h.chroma = h.sps.ChromaFormatIdc != 0 && !h.sps.SeparateColourPlaneFlag
	var buf [headBytes]byte
	b := bitReader{b: unescape(&buf, pps)}
	b.bits(16) // the NAL unit's header
	b.ue()     // pps_pic_parameter_set_id
	b.ue()     // pps_seq_parameter_set_id
	b.flag()   // dependent_slice_segments_enabled_flag: the first slice is never one
	h.output = b.flag()
	h.extra = int(b.bits(3))
	b.flag() // sign_data_hiding_enabled_flag
	h.cabac = b.flag()
	h.refs = [2]uint32{b.ue() + 1, b.ue() + 1}
	h.qp = 26 + b.se()
	b.bits(2)     // constrained_intra_pred_flag, transform_skip_enabled_flag
	if b.flag() { // cu_qp_delta_enabled_flag
		b.ue()
	}
	b.se()   // pps_cb_qp_offset
	b.se()   // pps_cr_qp_offset
	b.flag() // pps_slice_chroma_qp_offsets_present_flag
	h.weighted = b.flag()
	h.bipred = b.flag()
	b.flag()      // transquant_bypass_enabled_flag
	if b.flag() { // tiles_enabled_flag
		return false
	}
	b.bits(2)     // entropy_coding_sync_enabled_flag, pps_loop_filter_across_slices_enabled_flag
	if b.flag() { // deblocking_filter_control_present_flag
		b.flag()
		if !b.flag() { // pps_deblocking_filter_disabled_flag
			b.se()
			b.se()
		}
	}
	if b.flag() { // pps_scaling_list_data_present_flag
		return false
	}
	h.lists = b.flag()
	return !b.spent
}

// read reads a slice header (7.3.6.1).
func (h *headers265) read(b bitReader, sets bool) sliceInfo {
	kind := int(b.bits(16) >> 9 & 63)
	// Below 16 the even types are of pictures that none of their sub-layer refers to.
	s := sliceInfo{referred: kind >= 16 || kind%2 == 1, qp: -1}
	if kind >= 16 {
		s.kind = sliceI
	}
	if !sets || !b.flag() { // first_slice_segment_in_pic_flag
		return s
	}
	if kind >= 16 && kind <= 23 {
		b.flag() // no_output_of_prior_pics_flag
	}
	b.ue() // slice_pic_parameter_set_id
	b.bits(h.extra)
	code := b.ue()
	if b.spent || code > 2 {
		return s
	}
	s.kind = [...]sliceKind{sliceB, sliceP, sliceI}[code]
	idr := kind == 19 || kind == 20
	if h.skipToQP(&b, s.kind, idr) {
		s.qp = quality(h.qp, &b)
	}
	return s
}

// skipToQP reads what stands between slice_type and slice_qp_delta.
func (h *headers265) skipToQP(b *bitReader, kind sliceKind, idr bool) bool {
	if h.output {
		b.flag()
	}
	if h.sps.SeparateColourPlaneFlag {
		b.bits(2)
	}
	temporal := false
	if !idr {
		b.bits(int(h.sps.Log2MaxPicOrderCntLsbMinus4&15) + 4)
		if !h.skipSet(b) || h.sps.LongTermRefPicsPresentFlag {
			return false
		}
		temporal = h.sps.TemporalMvpEnabledFlag && b.flag()
	}
	if h.sps.SampleAdaptiveOffsetEnabledFlag {
		b.flag()
		if h.chroma {
			b.flag()
		}
	}
	if kind == sliceI {
		return !b.spent
	}
	refs, ok := references(b, kind, h.refs)
	if !ok || h.lists {
		return false
	}
	if kind == sliceB {
		b.flag() // mvd_l1_zero_flag
	}
	if h.cabac {
		b.flag()
	}
	if temporal {
		from := 0
		if kind == sliceB && !b.flag() { // collocated_from_l0_flag
			from = 1
		}
		if refs[from] > 1 {
			b.ue() // collocated_ref_idx
		}
	}
	if kind == sliceP && h.weighted || kind == sliceB && h.bipred {
		h.skipWeights(b, refs[:kind.lists()])
	}
	b.ue() // five_minus_max_num_merge_cand
	return !b.spent
}

// skipSet reads which pictures are kept as references (7.3.7); false when it tells that by what another set says.
func (h *headers265) skipSet(b *bitReader) bool {
	sets := len(h.sps.ShortTermRefPicSets)
	if b.flag() { // short_term_ref_pic_set_sps_flag
		if sets > 1 {
			b.bits(bits.Len(uint(sets - 1)))
		}
		return sets > 0
	}
	if sets > 0 && b.flag() { // inter_ref_pic_set_prediction_flag
		return false
	}
	n := b.ue() + b.ue()
	if n > maxRefs {
		return false
	}
	for range n {
		b.ue()
		b.flag()
	}
	return !b.spent
}

// skipWeights reads pred_weight_table (7.3.6.3).
func (h *headers265) skipWeights(b *bitReader, refs []uint32) {
	b.ue()
	if h.chroma {
		b.se()
	}
	for _, n := range refs {
		luma, chroma := b.bits(int(n)), uint32(0)
		if h.chroma {
			chroma = b.bits(int(n))
		}
		for i := range n {
			if luma>>i&1 != 0 {
				b.se()
				b.se()
			}
			if chroma>>i&1 != 0 {
				for range 4 {
					b.se()
				}
			}
		}
	}
}
