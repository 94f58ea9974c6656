// Package protocol is what hearth and hearth-vision say to each other over the worker's standard input and output.
//
// Both directions carry messages of one form, little-endian:
//
//	+-----------+------+--------------+----------------+-----------+
//	| length 4  | kind | head length 2| head           | body      |
//	+-----------+------+--------------+----------------+-----------+
//
// Length counts everything after itself. The head is JSON, except a unit's, which is 25 bytes; the body is a coded
// picture, or nothing. The worker speaks first, with a Hello that names the version; whoever reads another version
// than its own stops. Hearth answers with a Task: the camera, and a number drawn for this process. Units and answers
// carry them, so that a pipe that leads to another camera's worker, or from it, shows at once.
//
// Neither side trusts the other: lengths are bounded before anything is allocated, counts are bounded after
// parsing, numbers are checked to be numbers. A message that breaks these rules is ErrMalformed, and its sender is
// not listened to any longer.
package protocol
