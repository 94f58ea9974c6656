package motion

// texture compares the gradients of background and picture over some places. A change of light, however uneven, keeps
// where they are and scales them alike; something that comes in between puts its own in their place.
type texture struct {
	ground, picture, both float32 // gradients of the background (in today's light) and of the picture, squared and multiplied
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
	t.n++
	return i
}

// kept says that the background's texture is still there, weaker or stronger as a whole. Where there is hardly any it
// cannot be said. Noise is the deviation of luma that is none of it.
func (t *texture) kept(n int, noise float32) bool {
	least := 8 * noise * noise * float32(n)
	return t.ground > least && t.picture > least/4 && t.both > 0 && t.both*t.both > textureKept*t.ground*t.picture
}

// gone says that there is texture, and it is not the background's.
func (t *texture) gone(noise float32) bool {
	least := 8 * noise * noise * float32(t.n)
	return (t.ground > least || t.picture > least) && (t.both <= 0 || t.both*t.both < textureGone*t.ground*t.picture)
}
