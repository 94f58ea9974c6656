// Package layer keeps sorted keys and values durably in a bbolt database and a small journal beside it, because bbolt
// writes whole pages: a change of a hundred bytes costs it five or more, and many small ones wear out a card. Here a change is
// appended to the journal with one write and one sync, and kept in memory as well; what has gathered is folded into
// bbolt in one transaction when the journal is full, or when a change is too large for it. Who reads sees both as one.
//
// A change is durable when Update returns, all of it or nothing. The journal is of a fixed length and made of written blocks, so
// that small changes can be kept while the disk is full; where it cannot be made or written, changes go to bbolt at once.
//
//	<path>            bbolt: a bucket per kind, in it the keys, or a bucket per owner with its keys;
//	                  "layer": id → 16 random bytes, format → a byte, folded → u64: the generation that was folded last
//	<path>.journal    magic 8 ‖ id 16 ‖ CRC-32C of both, then records; numbers are big-endian
//	record            length of the payload u32 ‖ CRC-32C u32 of all that follows ‖ generation u64 ‖ number u32 ‖ payload
//	payload           changes: operation u8, then kind u8, owner (length u8), unless it is the space of the change before;
//	                  key (length uvarint), and for a put value (length uvarint)
//
// The records of the generation after the folded one count, from number 0 on, as far as they are whole. A fold makes
// them void by what bbolt then says; they are written over from the beginning.
package layer
