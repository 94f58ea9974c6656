// Package mark draws a machine-readable mark into the luma of a picture and reads it back after the picture was
// coded, scaled or saved as JPEG, so that a test can prove which camera and which frame a pixel came from.
//
// # Geometry
//
// The mark is a strip along the whole upper edge: 2 rows of 32 cells. All edges are parts of the picture's size, so
// the mark scales with the picture, in both directions alone:
//
//	row r (0, 1)      covers y from r·h/36 to (r+1)·h/36
//	cell i (0 … 31)   covers x from i·w/32 to (i+1)·w/32
//
// At 1280x720 a cell is 40x20 pixels, at 320x180 it is 10x5. The smallest picture is 128x72. A white cell (luma
// 208) is a 1, a black one (luma 32) is a 0.
//
// # Bits
//
// 64 bits, most significant first, upper row from left to right, then the lower row:
//
//	bits 63 … 48   camera number
//	bits 47 … 16   frame number
//	bits 15 … 0    CRC-16/IBM-3740 (polynomial 0x1021, start 0xFFFF, not reflected, no final xor)
//	               over the six bytes before it, big-endian
//
// # Reading
//
// Each cell's value is the mean luma of its inner half: pixels x with (i+1/4)·w/32 ≤ x+1/2 < (i+3/4)·w/32, and y
// alike, at least one pixel. A bit is 1 when its cell lies above the middle between the darkest and the brightest
// cell. No mark is found when these two are less than 48 apart, when a cell lies within a tenth of their distance of
// the middle, or when the CRC is wrong. mark.js beside this file does the same on a canvas' ImageData.
package mark
