package export

import "hash/crc32"

// joinCRC gives the CRC-32 of two pieces of data, one behind the other, from theirs and the length of the second. It is
// needed because a file's head is only known when its data was seen.
//
// A CRC is linear: that of a ‖ b is that of b, plus that of a moved on over as many zero bytes as b has. One zero bit is a
// linear map of 32 bits, a matrix; moving on over n of them is its n-th power, by squares.
func joinCRC(a, b uint32, length int64) uint32 {
	var step [32]uint32 // of one zero bit; column i is what bit i becomes
	step[0] = crc32.IEEE
	for i := 1; i < 32; i++ {
		step[i] = 1 << (i - 1)
	}
	for n := uint64(length) * 8; n > 0; n >>= 1 {
		if n&1 == 1 {
			a = apply(&step, a)
		}
		square := step
		for i := range square {
			square[i] = apply(&step, step[i])
		}
		step = square
	}
	return a ^ b
}

// apply multiplies a matrix and a vector over bits.
func apply(m *[32]uint32, v uint32) (sum uint32) {
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 == 1 {
			sum ^= m[i]
		}
	}
	return sum
}
