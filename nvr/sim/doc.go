// Package sim is a set of simulated network cameras for the demo and for tests: an RTSP server whose cameras draw a yard
// where things walk through at known times, or play a file, each with a main and a sub stream, a login, and switches
// for the trouble that real cameras make.
//
// A drawn camera's picture n is taken n/FPS after the server's start, carries camera and frame number as a mark
// (package mark) and is the same instant in main and sub stream. So a test knows for each pixel which camera it
// came from, when it was taken (Camera.TakenAt), when it was sent (Camera.SentAt) and whether something moved in it
// (Scene.MovesAt).
package sim
