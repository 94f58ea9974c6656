// Package tunnel is a WireGuard of Hearth's own, within the process and without any privilege: the devices that have a
// key reach one TCP port in it, and nothing else.
//
// A peer is one device with its key. The stack is TCP/IP in user space; it forwards nothing, so that there is no way
// through it into the home's network, and it knows no UDP. The listener tells of each connection whose it is, which
// the keys prove. The UDP port answers nobody who has no key.
package tunnel
