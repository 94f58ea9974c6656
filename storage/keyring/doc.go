// Package keyring holds the box's key and, wrapped by it, a random key for each camera. A camera's footage and
// thumbnails are sealed with keys that are derived from the camera's key and bound to the camera's identity; for a
// person that identity comes from their grant alone, so that a mix-up anywhere fails to decrypt instead of showing a
// picture. Destroying a camera's key makes noise of all that it sealed.
//
// The box's key is 32 random bytes. It comes from systemd ($CREDENTIALS_DIRECTORY/box.key, of LoadCredentialEncrypted= for
// one), and then the disk alone is worth nothing to a thief; else it is the file box.key beside hearth.db, of mode
// 0600, made at the first start. Where both are there they have to be the same. Without it nothing that was sealed can be
// opened; a copy lies in each snapshot, sealed to the owner's recovery key.
//
// Formats. A wrapped or sealed value is a random 12-byte
// nonce followed by ChaCha20-Poly1305 of the plain text, with "purpose" ‖ 0 ‖ UUID as associated data; a camera's
// wrapped key has the purpose "camera key". It lies in hearth.db and, behind the eight bytes "HEARTHK1", in
// media/<camera uuid>/key, on every volume, so that each disk can be read by itself with the box's key (WithKey).
package keyring
