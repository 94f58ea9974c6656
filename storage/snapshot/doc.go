// Package snapshot keeps what a dead box takes with it. A snapshot is a copy of hearth.db, of the box's key and of the
// page's certificate authority, sealed to the owner's recovery key, on every volume. Of that key the box knows only the
// public half: it can make snapshots and cannot open them. Whoever holds the recovery key and a disk has everything
// that was recorded; whoever holds only the disk has nothing.
//
// A snapshot is <volume>/media/snapshots/<yyyymmddThhmmssZ>.age: a file of the age format (age-encryption.org/v1) for
// one X25519 recipient, with a tar of manifest.json, hearth.db, box.key and tls/ca.pem in it, in this order. Debian's
// age and tar open it as well.
//
// The copy of hearth.db has no cameras' keys in it, so that deleting a camera is final: those lie in
// media/<camera>/key on the volumes and nowhere else, and go with the camera. It has no sessions either.
//
// Unsealed, a snapshot is only ever in memory: made in a memfd, sealed on its way to the disk. A file without a name
// on the disk would also be gone after a crash, but its blocks would still say what was in them.
package snapshot
