// Package recovery makes whole what a power cut, a crash or a lost index left: it finishes files that were left open,
// indexes what the index does not know, by names first and by what the files say afterwards, and makes a whole new index
// out of the files alone. Done twice it gives the same bytes.
package recovery
