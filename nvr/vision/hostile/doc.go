// Package hostile makes streams that are meant to do harm: broken ones, ones that claim to be huge, and valid ones
// whose few bytes become a lot of work. They lie in corpus/ as hearth would say them to a worker, made by Make from fixed
// seeds and the few pictures in base/, which ffmpeg made of its testsrc2. Only tests import it.
package hostile
