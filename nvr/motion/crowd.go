package motion

// Rain, snow and a sensor that is worn out make many small regions that are much like each other, in every picture
// other ones. Whatever counts among them has to stand out.
const (
	crowdMany  = 5   // regions from which on they are a crowd
	crowdOut   = 4   // times as large as the middle one of a crowd is what stands out, and
	crowdDense = 100 // regions in which it has to be twice that
	crowdYoung = 1.5 // times that before a young background, and in pictures that are looked at again
	crowdTime  = 20  // seconds over which a crowd is remembered
	crowdSizes = 128 // places; larger ones count as this
	crowdLeast = 4   // places; smaller ones do not count
)

// crowd knows how many regions there are of late, and how large they are.
type crowd struct {
	many, size float32 // usual number of regions, and of places in the middle one
	sizes      [crowdSizes]uint16
}

// learn counts the regions of a picture, and gives the number of places from which on one of them stands out. Warm says
// that the background is young.
func (c *crowd) learn(found []region, dt float32, warm bool) int {
	clear(c.sizes[:])
	n := 0
	for i := range found {
		if s := found[i].stirring; s >= crowdLeast {
			c.sizes[min(s, crowdSizes-1)]++
			n++
		}
	}
	middle, sum := 0, 0
	for s, k := range c.sizes {
		if sum += int(k); 2*sum > n {
			middle = s
			break
		}
	}
	part := rate(dt, crowdTime)
	c.many += part * (float32(n) - c.many)
	if n > 0 {
		c.size += part * (float32(middle) - c.size)
	}
	least := float32(0)
	if n >= crowdMany {
		least = float32(middle)
	}
	if c.many >= crowdMany {
		least = max(least, c.size)
	}
	// The largest of many by chance is larger than that of a few.
	least *= 1 + min(max(float32(n), c.many)/crowdDense, 1)
	if warm || dt == 0 { // nothing is known yet, or drops cannot be told by leaving their places
		least *= crowdYoung
	}
	return int(crowdOut * least)
}
