// Package alarm tells of what must never happen: something of one camera turned up where only another camera's may be.
// Whoever finds it shows nothing and rings the Bell: a line in the log with the word ALARM, a count in the metrics, and
// through whoever listens a line in the audit log that the owner reads.
package alarm
