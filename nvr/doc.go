// Package nvr ties the rooms together: for every camera of the box it runs the RTSP sessions, the recorder, the
// live hubs, the worker that looks for motion and the book of events, each supervised on its own, so that the
// trouble of one part of one camera stays there.
//
// Whatever it hands to a person it hands out against an access.Grant.
package nvr
