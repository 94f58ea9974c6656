// Package check looks through a data folder that no hearth is running on: it verifies files, the chain of hashes and the
// index against each other, and makes a lost index again.
package check
