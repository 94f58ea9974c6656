// Package vision has a camera's pictures looked at, outside of this process: it starts hearth-vision, one process
// per camera, feeds it the detect stream and reads what it saw.
//
// A Worker is the lasting outer part; the process is the inner instance that is started anew whenever it ends,
// falls silent, grows too large or talks nonsense. Whoever writes units into a Worker never waits and never learns
// of any of this: units wait in a bounded queue, and when it is full those before the newest key frame are dropped
// and counted.
//
// Its words: a look is what was seen in one picture; a spell is one stretch of motion; a thumb is the best picture
// of a spell so far. See docs/design/vision.md.
package vision
