package h264

// NAL header bytes: nal_ref_idc and nal_unit_type (7.4.1).
const (
	nalSPS  = 3<<5 | 7
	nalPPS  = 3<<5 | 8
	nalIDR  = 3<<5 | 5
	nalRef  = 2<<5 | 1
	nalLoss = 0<<5 | 1 // a picture that nothing refers to
)

const (
	frameNumBits = 8
	orderBits    = 8
	initQP       = 26
)

// levels is table A-1 as far as the simple ones go: level_idc, macroblocks per second, macroblocks per picture.
var levelTable = [...][3]int{
	{10, 1485, 99},
	{11, 3000, 396},
	{12, 6000, 396},
	{13, 11880, 396},
	{21, 19800, 792},
	{22, 20250, 1620},
	{30, 40500, 1620},
	{31, 108000, 3600},
	{32, 216000, 5120},
	{40, 245760, 8192},
	{42, 522240, 8704},
	{50, 589824, 22080},
	{51, 983040, 36864},
	{52, 2073600, 36864},
}

func levelIDC(c *Config) uint32 {
	size := ((c.Width + 15) / 16) * ((c.Height + 15) / 16)
	for _, l := range levelTable {
		if size <= l[2] && size*c.FPS <= l[1] {
			return uint32(l[0])
		}
	}
	return 52
}

// sps is the sequence parameter set (7.3.2.1.1) with VUI (E.1.1), as a NAL unit.
func sps(c *Config) []byte {
	var w bitWriter
	if c.BPictures {
		w.put(77, 8) // Main
		w.put(0x40, 8)
	} else {
		w.put(66, 8) // Constrained Baseline
		w.put(0xC0, 8)
	}
	w.put(levelIDC(c), 8)
	w.ue(0)                // seq_parameter_set_id
	w.ue(frameNumBits - 4) // log2_max_frame_num_minus4
	refs := uint32(1)
	if c.BPictures {
		refs = 2
		w.ue(0) // pic_order_cnt_type
		w.ue(orderBits - 4)
	} else {
		w.ue(2) // shown in the order of decoding
	}
	w.ue(refs)
	w.put(0, 1) // gaps_in_frame_num_value_allowed_flag
	mbw, mbh := (c.Width+15)/16, (c.Height+15)/16
	w.ue(uint32(mbw - 1))
	w.ue(uint32(mbh - 1))
	w.put(1, 1) // frame_mbs_only_flag
	w.put(1, 1) // direct_8x8_inference_flag
	right, bottom := (16*mbw-c.Width)/2, (16*mbh-c.Height)/2
	if right == 0 && bottom == 0 {
		w.put(0, 1)
	} else {
		w.put(1, 1)
		w.ue(0)
		w.ue(uint32(right))
		w.ue(0)
		w.ue(uint32(bottom))
	}

	w.put(1, 1) // vui_parameters_present_flag
	w.put(0, 1) // aspect_ratio_info_present_flag
	w.put(0, 1) // overscan_info_present_flag
	w.put(1, 1) // video_signal_type_present_flag
	w.put(5, 3) // unspecified
	w.put(0, 1) // limited range
	w.put(1, 1)
	w.put(1, 8) // BT.709, three times
	w.put(1, 8)
	w.put(1, 8)
	w.put(0, 1) // chroma_loc_info_present_flag
	w.put(1, 1) // timing_info_present_flag
	w.put(0, 16)
	w.put(1, 16) // num_units_in_tick
	w.put(0, 16)
	w.put(uint32(2*c.FPS), 16) // time_scale counts fields
	w.put(1, 1)                // fixed_frame_rate_flag
	w.put(0, 2)                // no HRD
	w.put(0, 1)                // pic_struct_present_flag
	w.put(1, 1)                // bitstream_restriction_flag
	w.put(1, 1)                // motion_vectors_over_pic_boundaries_flag
	w.ue(0)
	w.ue(0)
	w.ue(10)
	w.ue(10)
	w.ue(refs - 1) // max_num_reorder_frames
	w.ue(refs)     // max_dec_frame_buffering
	return nal(nalSPS, w.finish())
}

// pps is the picture parameter set (7.3.2.2), as a NAL unit.
func pps() []byte {
	var w bitWriter
	w.ue(0)
	w.ue(0)
	w.put(0, 1) // CAVLC
	w.put(0, 1)
	w.ue(0) // one slice group
	w.ue(0) // one reference in list 0
	w.ue(0) // and list 1
	w.put(0, 1)
	w.put(0, 2)
	w.se(0) // pic_init_qp_minus26
	w.se(0)
	w.se(0)     // chroma_qp_index_offset
	w.put(1, 1) // deblocking_filter_control_present_flag
	w.put(0, 1)
	w.put(0, 1)
	return nal(nalPPS, w.finish())
}

// Kinds of pictures are slice_type of slices that are all alike (table 7-6).
type kind uint32

const (
	kindP kind = 5
	kindB kind = 6
	kindI kind = 7
)

// sliceHeader writes the header of a picture's only slice (7.3.3). Pictures of kind I are IDR.
func (e *Encoder) sliceHeader(k kind, qp int) {
	w := &e.w
	w.ue(0)
	w.ue(uint32(k))
	w.ue(0)
	w.put(uint32(e.frameNum)&(1<<frameNumBits-1), frameNumBits)
	if k == kindI {
		w.ue(e.idrID & 1)
	}
	if e.BPictures {
		w.put(uint32(2*e.order)&(1<<orderBits-1), orderBits)
	}
	if k == kindB {
		w.put(1, 1) // direct_spatial_mv_pred_flag, unused
	}
	if k != kindI {
		w.put(0, 1) // num_ref_idx_active_override_flag
		w.put(0, 1) // ref_pic_list_modification_flag_l0
	}
	if k == kindB {
		w.put(0, 1)
	}
	switch k {
	case kindI:
		w.put(0, 2) // no_output_of_prior_pics_flag, long_term_reference_flag
	case kindP:
		w.put(0, 1) // adaptive_ref_pic_marking_mode_flag
	}
	w.se(int32(qp - initQP))
	w.ue(1) // disable_deblocking_filter_idc
}
