// Package clip makes video for tests: it has Debian's ffmpeg code a scene into an MP4 file and takes that apart into
// access units as a camera would send them. Only tests import it.
package clip
