//go:build sabotage

package sabotage

import (
	"sync"
	"testing"

	"hearth/nvr/media"
)

// Marker is in every program that has faults.
const Marker = "THIS PROGRAM WAS BUILT WITH PLANTED FAULTS AND IS FOR TESTS ONLY"

func init() {
	if !testing.Testing() {
		panic(Marker)
	}
}

var (
	mu      sync.Mutex
	planted = make(map[Fault][2]media.CameraID)
	blind   = make(map[string]bool)
)

// Planted says whether a fault is planted.
func Planted(f Fault) bool {
	mu.Lock()
	defer mu.Unlock()
	_, ok := planted[f]
	return ok
}

// Camera gives the camera that a fault makes of one.
func Camera(f Fault, id media.CameraID) media.CameraID {
	mu.Lock()
	defer mu.Unlock()
	p, ok := planted[f]
	switch {
	case ok && id == p[0]:
		return p[1]
	case ok && id == p[1]:
		return p[0]
	}
	return id
}

// Blind says whether the check in a place is switched off.
func Blind(place string) bool {
	mu.Lock()
	defer mu.Unlock()
	return blind[place]
}

// Plant mixes two cameras up in a place until the test ends, or Heal.
func Plant(t testing.TB, f Fault, a, b media.CameraID) {
	mu.Lock()
	defer mu.Unlock()
	planted[f] = [2]media.CameraID{a, b}
	t.Cleanup(Heal)
}

// CloseEyes switches the checks in places off until the test ends, or Heal.
func CloseEyes(t testing.TB, places ...string) {
	mu.Lock()
	defer mu.Unlock()
	for _, p := range places {
		blind[p] = true
	}
	t.Cleanup(Heal)
}

// Heal takes all faults out and switches all checks on.
func Heal() {
	mu.Lock()
	defer mu.Unlock()
	clear(planted)
	clear(blind)
}
