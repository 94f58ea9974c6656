package box

import "go.etcd.io/bbolt"

// A step brings hearth.db from one format to the next. It runs in a transaction of a copy that nobody else has; what it
// returns an error for was not done, and the box does not start. Steps are never changed once a version with them is out, and
// use no code that later versions change: they read and write buckets and JSON by themselves.
type step func(tx *bbolt.Tx) error

// steps are all of them: the first leads from format 1 to format 2. A new format is one more here. What only adds an optional
// field or a bucket (see later) needs none: earlier versions pass over it.
func steps() []step { return tomorrow() }

// newest is the format that these steps lead to.
func newest(all []step) int { return 1 + len(all) }
