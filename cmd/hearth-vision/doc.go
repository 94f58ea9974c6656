//go:build cgo

// Command hearth-vision looks at one camera for motion. Hearth starts one per camera, feeds it access units over
// standard input and reads what it saw from standard output (package hearth/nvr/vision/protocol); it ends with its
// input. It has no network, no files and no keys: a camera that takes it over holds that camera's pixels and nothing
// else.
//
//	hearth-vision               look, as hearth asks for it
//	hearth-vision --probe-hw    try every decoder of this machine, print what works as JSON
//
// How it spends its time is in docs/design/vision.md.
package main
