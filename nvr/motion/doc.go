// Package motion looks at one camera's luma pictures, one after the other, and says what moves in them. It is
// pure: the same pictures at the same times give the same answers, it reads and writes nothing but its arguments,
// and once warm it allocates nothing.
//
// Its words: the half picture is what it works on, 160x90, each value the mean of 6x6 pixels of the 320x180 picture
// given to it. The background is what each place of the half picture usually shows, in its usual light, together
// with how much it usually strays from that. The fit is what turns the background into today's light and place:
// gain, offset and a shift of a few pixels, estimated robustly over the whole picture before anything is compared.
// A place is astray when it differs from the fitted background, and it stirs when it also changed within the last
// one and a half seconds: a ghost (something that stood is gone, or came and stays) is astray but does not stir.
// Regions are connected places that are astray; a region moves when enough of it stirs.
//
// See docs/design/motion.md for why, and for how well it does.
package motion
