// Package hardware knows what decodes on this machine. It has hearth-vision try every decoder, which compares what
// comes out with what software makes of it, and remembers the result in the data folder until device, driver, kernel or
// FFmpeg change. For a camera it says which of them to use, what costs least first, and why not the one that was wanted.
package hardware
