// Package signet is the box's signature: an Ed25519 key that says of footage that this box recorded it, and the hourly
// statements that the box signs about the heads of its chains.
//
// The key's seed lies in hearth.db, sealed by the box's key; its public half may be known to everybody. What is signed
// always begins with what it is for, so that a signature for one thing is never one for another.
//
// A statement names, for every line of a volume, its newest file and the chain's value behind the records that were
// durable at that moment. Statements lie as lines in media/heads/<day>.jsonl; each holds the hash of the one before.
// Whoever changes footage that is older than a statement, or takes a file out, would have to sign it anew. What this
// does not show is that a disk as a whole was put back to an earlier state: the statements go back with it.
package signet
