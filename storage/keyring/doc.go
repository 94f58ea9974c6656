// Package keyring holds the box's key and, wrapped by it, a random key for each camera. A camera's footage and
// thumbnails are sealed with keys that are derived from the camera's key and bound to the camera's identity; for a
// person that identity comes from their grant alone, so that a mix-up anywhere fails to decrypt instead of showing a
// picture. Destroying a camera's key makes noise of all that it sealed.
//
// Formats. box.key is 32 random bytes, readable by its owner only. A wrapped or sealed value is a random 12-byte
// nonce followed by ChaCha20-Poly1305 of the plain text, with "purpose" ‖ 0 ‖ UUID as associated data; a camera's
// wrapped key has the purpose "camera key". It lies in hearth.db and, behind the eight bytes "HEARTHK1", in
// media/<camera uuid>/key.
package keyring
