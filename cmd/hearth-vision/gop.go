//go:build cgo

package main

import (
	"slices"

	"hearth/nvr/vision/protocol"
)

// What is kept for a closer look, at most: a minute and more of a usual camera's longest GOP.
const (
	maxKept      = 4000
	maxKeptBytes = 48 << 20
)

// gop keeps units since a key frame, compressed. It begins with a key frame or is empty.
type gop struct {
	units  []protocol.Unit
	bytes  int
	newest int // index of the newest key frame
	fed    int // how many units the decoder has taken in step; 0: it has to begin with a key frame

	shelf *shelf // for the memory of what is forgotten
}

// add keeps a unit; false when it cannot be used, because no key frame came before it or there is too much.
func (g *gop) add(u protocol.Unit) bool {
	if u.Key {
		if g.full(u) {
			g.reset()
		}
		g.newest = len(g.units)
	} else {
		if g.full(u) {
			g.cut()
		}
		if g.full(u) {
			g.reset()
		}
		if len(g.units) == 0 {
			return false
		}
	}
	g.units = append(g.units, u)
	g.bytes += len(u.Data)
	return true
}

func (g *gop) full(u protocol.Unit) bool {
	return len(g.units) >= maxKept || g.bytes+len(u.Data) > maxKeptBytes
}

// into says how many units lie before unit i, from the key frame on that it depends on.
func (g *gop) into(i int) int {
	key := i
	for key > 0 && !g.units[key].Key {
		key--
	}
	return i - key
}

// cut forgets what came before the newest key frame.
func (g *gop) cut() {
	n := g.newest
	if n == 0 {
		return
	}
	g.forget(n)
	g.newest, g.fed = 0, max(g.fed-n, 0)
}

func (g *gop) reset() {
	g.forget(len(g.units))
	g.newest, g.fed = 0, 0
}

// forget gives up the first n units.
func (g *gop) forget(n int) {
	for _, u := range g.units[:n] {
		g.bytes -= len(u.Data)
		g.shelf.put(u.Data)
	}
	g.units = slices.Delete(g.units, 0, n)
}
