// Package volume is the folders that footage lies in: the data folder, which a hearth has for itself while it runs,
// the marker that says which disk this is, and the walk over what lies there, by names only.
package volume
