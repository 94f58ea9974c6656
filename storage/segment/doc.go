// Package segment is the sealed file that footage lies in: its bytes, how they are written, read and recovered. It is
// described byte by byte in docs/ref/footage-format.md.
//
// A file begins with a header in the clear (who, which stream, when), goes on with numbered records, each sealed with
// ChaCha20-Poly1305 under a key of this file alone, and ends with a footer that holds the table of the records. The
// camera's identity that goes into every seal comes from the Key, thus from the caller's grant, never from the file:
// a file in the wrong place does not open.
//
// Promises: a Writer never seals two plaintexts under one nonce as long as each of its buffers is written at most
// once at its place; nothing read from a file is believed before its checksum and its seal are right; Recover cuts
// an unfinished file behind its last whole record and gives the same bytes when it is done twice.
//
// Apart from Recover, which is handed a file, the package does no I/O of its own.
package segment
