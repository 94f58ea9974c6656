// Package access decides who may open what. Authorize is the one door: it reads hearth.db at that moment and gives a
// Grant for one person, one camera and one verb. Everything that hands out pixels, sound, events or a camera's name
// takes a Grant; the type has no exported fields and its zero value is refused, so nothing else can make one.
//
// The words: a person has a role (owner, adult, guest); a role is a set of verbs on all cameras; a permission is an
// addition for one camera, with an end date if wanted; a session is one logged-in browser; a grant is a decision that
// was just made, and Renew asks whether it would be made again now; a token is a program's way in, and opens what its own
// permissions and its person's rights both allow.
//
// Besides, the package keeps people, passwords (argon2id), sessions (only a hash of their token), the rate limit of
// logins, the making of the first owner, and the hash-chained audit log.
package access
