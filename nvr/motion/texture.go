package motion

// texture compares the gradients of background and picture over some places. A change of light, however uneven, keeps
// where they are and scales them alike; something that comes in between puts its own in their place.
// Evenly sloping light, as a lamp at one side has it, is in all gradients alike, and is left out.
type texture struct {
	ground, picture, both float32 // gradients of the background (in today's light) and of the picture, squared and multiplied
	gx, gy, px, py        float32 // their sums
	n                     int     // places
}

// Correlations (squared) of gradients from which on a texture is still there, and below which it is gone.
const (
	textureKept = 0.7
	textureGone = 0.3
)

// add takes a place of the background into account, and gives the place in the picture.
func (t *texture) add(v scene, j int) int {
	i := j + v.fit.wholeY*halfW + v.fit.wholeX
	mean, luma, gain := &v.ground.mean, &v.half.luma, v.fit.gain
	gx, gy := gain*(mean[j+1]-mean[j-1]), gain*(mean[j+halfW]-mean[j-halfW])
	px, py := luma[i+1]-luma[i-1], luma[i+halfW]-luma[i-halfW]
	t.ground += gx*gx + gy*gy
	t.picture += px*px + py*py
	t.both += gx*px + gy*py
	t.gx, t.gy, t.px, t.py = t.gx+gx, t.gy+gy, t.px+px, t.py+py
	t.n++
	return i
}

// uneven are the squares and products of what the gradients differ by from their mean.
func (t *texture) uneven() (ground, picture, both float32) {
	k := 1 / max(float32(t.n), 1)
	return t.ground - k*(t.gx*t.gx+t.gy*t.gy), t.picture - k*(t.px*t.px+t.py*t.py), t.both - k*(t.gx*t.px+t.gy*t.py)
}

// kept says that the background's texture is still there, weaker or stronger as a whole. Where there is hardly any it
// cannot be said. Noise is the deviation of luma that is none of it.
func (t *texture) kept(n int, noise float32) bool {
	least := 8 * noise * noise * float32(n)
	ground, picture, both := t.uneven()
	return ground > least && picture > least/4 && both > 0 && both*both > textureKept*ground*picture
}

// gone says that there is texture, and it is not the background's. Where the background has some and the picture has
// none, a shadow may have left its edge in the background.
func (t *texture) gone(noise float32) bool {
	least := 8 * noise * noise * float32(t.n)
	ground, picture, both := t.uneven()
	return picture > least && (both <= 0 || both*both < textureGone*ground*picture)
}
