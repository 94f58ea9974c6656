package commit

// Flush is what a tick does.
func (c *Committer) Flush() { c.flush(func(*line) bool { return true }) }

// RollAt is for tests of when files roll.
var RollAt = rollAt
