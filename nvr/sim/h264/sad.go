package h264

import "encoding/binary"

// Comparing pixels, eight at a time in 64-bit words: bytes are spread to four 16-bit lanes twice (even and odd ones).

const (
	lanes = 0x00FF00FF00FF00FF
	ones  = 0x0001000100010001
)

// absLanes is |a − b| in each of four lanes that hold 0–255.
func absLanes(a, b uint64) uint64 {
	d := a + ones<<8 - b       // 256 + difference
	negative := ^d >> 8 & ones // 1 where a < b
	return d&lanes ^ (negative<<8 - negative) + negative
}

// sumLanes adds four lanes up; the sum must fit 16 bits.
func sumLanes(v uint64) int { return int(v * ones >> 48) }

// compare8 gives the sum of absolute differences and the sum of differences of two 8x8 blocks.
func compare8(a []byte, as int, b []byte, bs int) (sad, sum int) {
	var abs, sa, sb uint64
	for y := range 8 {
		u := binary.LittleEndian.Uint64(a[y*as:])
		v := binary.LittleEndian.Uint64(b[y*bs:])
		ue, uo, ve, vo := u&lanes, u>>8&lanes, v&lanes, v>>8&lanes
		abs += absLanes(ue, ve) + absLanes(uo, vo)
		sa += ue + uo
		sb += ve + vo
	}
	return sumLanes(abs), sumLanes(sa) - sumLanes(sb)
}

// sad16 is the sum of absolute differences of two 16x16 blocks. It may stop early once above limit.
func sad16(a []byte, as int, b []byte, bs int, limit int) int {
	total := 0
	for half := 0; half < 16; half += 8 {
		var abs uint64
		for y := half; y < half+8; y++ {
			ra, rb := a[y*as:y*as+16], b[y*bs:y*bs+16]
			u, v := binary.LittleEndian.Uint64(ra), binary.LittleEndian.Uint64(rb)
			abs += absLanes(u&lanes, v&lanes) + absLanes(u>>8&lanes, v>>8&lanes)
			u, v = binary.LittleEndian.Uint64(ra[8:]), binary.LittleEndian.Uint64(rb[8:])
			abs += absLanes(u&lanes, v&lanes) + absLanes(u>>8&lanes, v>>8&lanes)
		}
		total += sumLanes(abs)
		if total > limit {
			break
		}
	}
	return total
}
