// Package event turns what was seen of a camera, look by look, into events: something moved, from then to then, there
// and there, and this is its best picture.
//
// Its words: a look says whether something moved at one moment; a thumb is a JPEG of such a moment. An event starts
// with the first moving look and lasts until PostRoll has gone by without another one. Its Start and End are the true
// first and last moments of motion: PreRoll and PostRoll are not in them. Who plays an event shows footage from
// Start-PreRoll to End+PostRoll. An event is one visit: what moves again soon, or where the last motion ended, opens it
// again (visit.go). A long one is divided into chapters, each with a picture of its own (chapter.go). More than so many in
// an hour are summed up in one event with a chapter for each (limit.go).
//
// It promises that everything is bounded: the looks and thumbs that wait, the regions, zones and chapters of an event, how
// often an event and its pictures are written, how long an event lasts, and how many there are, whatever a worker says of
// its looks; and that no event stays open: not when the looks end (a worker died, the camera is gone), nor when the
// process was killed: the store ends what it finds open.
package event
