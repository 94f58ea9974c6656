// Package camera keeps one camera on the line: it connects to the camera's main and sub stream by RTSP, keeps them
// connected, and turns RTP packets into runs of access units for a media.Sink.
//
// Its words: a session is one RTSP connection, from dialling to its end; a run (media.Run) is what a session yields
// between two breaks; a unit is one picture or one packet of sound. A problem is an error that has a sentence for
// the camera's owner.
//
// What it promises:
//
//   - A run begins with a key frame and has one set of parameters. DTS starts at 0 and rises strictly, PTS is never
//     before DTS, Wall never goes back.
//   - A sink is called by one goroutine at a time, in order, and gets EndRun for every StartRun.
//   - What it passes on can be decoded: after a lost packet, pictures are left out up to the next key frame.
//   - Sound never costs pictures: whatever is wrong with it only silences it.
//   - Name and password leave this package in an Authorization header and nowhere else: not in an error, not in a
//     log line, not in a State.
//
// docs/design/camera.md says why it is so.
package camera
