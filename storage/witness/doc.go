// Package witness signs how far the audit log has come, and holds the log against what was signed.
//
// The lines of the log are a chain, so that nothing in its middle can be changed unseen. That says nothing about its end:
// whoever cuts off the newest lines, or puts an older hearth.db in its place, leaves a chain that is whole. So the box signs the
// number and the hash of the newest line, each hour in which there was one and when it stops. The statements lie in
// hearth.db and on every volume, beside those about the footage; a log that is shorter than a statement, or another one,
// does not fit to it.
//
// It does not show that hearth.db and all volumes together were put back to an earlier state, nor what somebody does who
// has the box's key.
package witness
