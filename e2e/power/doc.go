// Package power is a virtual machine whose plug can be pulled: QEMU with a kernel of Debian's, an initramfs made here, and a disk
// with a volatile write cache.
//
// Killing QEMU alone loses what the machine had in memory. A real disk also loses, tears and reorders what it was given
// and had not been told to flush. So the machine's disk is served to QEMU over NBD by a Disk of this package, which keeps
// back every write until it is flushed, and of those that were not keeps an arbitrary part when the power goes.
package power
