package h264

// residual writes one block of levels in scan order (7.3.5.3.2, 9.2). nc chooses the table of coeff_token: the number
// of levels expected from the neighbours, or chromaDC.
func (w *bitWriter) residual(levels []int16, nc int) {
	var value [16]int32 // levels that are not zero, highest frequency first
	var run [16]int     // zeros before each
	total, zeros, last := 0, 0, -1
	for i := len(levels) - 1; i >= 0; i-- {
		if levels[i] == 0 {
			continue
		}
		value[total] = int32(levels[i])
		if total > 0 {
			run[total-1] = last - i - 1
			zeros += run[total-1]
		}
		total++
		last = i
	}
	if total > 0 {
		run[total-1] = last
		zeros += last
	}
	ones := 0
	for ones < 3 && ones < total && (value[ones] == 1 || value[ones] == -1) {
		ones++
	}

	token := coeffToken(nc)[4*total+ones]
	w.put(uint32(token.bits), uint(token.len))
	if total == 0 {
		return
	}
	for _, v := range value[:ones] {
		w.put(uint32(v)>>31, 1)
	}
	w.levels(value[ones:total], total, ones)

	if total < len(levels) {
		code := &totalZeros[total-1][zeros]
		if len(levels) == 4 {
			code = &totalZerosDC[total-1][zeros]
		}
		w.put(uint32(code.bits), uint(code.len))
	}
	for i := 0; i < total-1 && zeros > 0; i++ {
		code := runBefore[min(zeros, 7)-1][run[i]]
		w.put(uint32(code.bits), uint(code.len))
		zeros -= run[i]
	}
}

// levels writes those that are no trailing ones (9.2.2.1, the other way around).
func (w *bitWriter) levels(value []int32, total, ones int) {
	suffix := uint(0)
	if total > 10 && ones < 3 {
		suffix = 1
	}
	for i, v := range value {
		code := 2*v - 2
		size := v
		if v < 0 {
			code = -2*v - 1
			size = -v
		}
		if i == 0 && ones < 3 {
			code -= 2
		}
		c := uint32(code)
		switch {
		case suffix == 0 && c < 14:
			w.put(1, uint(c)+1)
		case suffix == 0 && c < 30:
			w.put(1, 15)
			w.put(c-14, 4)
		case suffix == 0:
			w.put(1, 16)
			w.put(c-30, 12)
		case c < 15<<suffix:
			w.put(1, uint(c>>suffix)+1)
			w.put(c&(1<<suffix-1), suffix)
		default:
			w.put(1, 16)
			w.put(c-uint32(15)<<suffix, 12)
		}
		if suffix == 0 {
			suffix = 1
		}
		if size > 3<<(suffix-1) && suffix < 6 {
			suffix++
		}
	}
}

// chromaDC asks residual for the tables of a chroma DC block.
const chromaDC = -1

func coeffToken(nc int) []vlc {
	switch {
	case nc == chromaDC:
		return coeffTokenDC[:]
	case nc < 2:
		return coeffTokens[0][:]
	case nc < 4:
		return coeffTokens[1][:]
	case nc < 8:
		return coeffTokens[2][:]
	}
	return coeffTokens[3][:]
}
