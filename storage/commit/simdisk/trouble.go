package simdisk

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"syscall"
)

// ErrPower is what calls give once the power is gone.
var ErrPower = errors.New("no power")

// Trouble makes one call in n fail, of the kinds that are named (none: of any), with ENOSPC, EIO or an error that
// nobody knows. Which ones depends on the seed and on what they are, not on the order in which goroutines come to them.
// With n = 0 none fails.
func Trouble(seed uint64, n uint32, kinds ...string) func(op, path string) error {
	times := make(map[string]int)
	return func(op, path string) error {
		if n == 0 || len(kinds) > 0 && !slices.Contains(kinds, op) {
			return nil
		}
		id := op + " " + path
		times[id]++
		h := crc32.ChecksumIEEE(fmt.Appendf(nil, "%d %s %d", seed, id, times[id]))
		if h%n != 0 {
			return nil
		}
		return []error{syscall.ENOSPC, syscall.EIO, errors.New("odd")}[h/n%3]
	}
}

// Dying makes all calls fail after the first n that change something: the power is gone. before is asked for those
// until then; it may be nil.
func Dying(n int, before func(op, path string) error) func(op, path string) error {
	var mu sync.Mutex
	return func(op, path string) error {
		mu.Lock()
		defer mu.Unlock()
		if op != "read" && op != "open" {
			n--
		}
		switch {
		case n < 0:
			return ErrPower
		case before != nil:
			return before(op, path)
		}
		return nil
	}
}
