package power

import (
	"fmt"
	"io"
	"path"
)

// cpio writes an archive as the kernel unpacks it: "newc", the ASCII format. The first error stays, and ends up in end.
type cpio struct {
	w    io.Writer
	made map[string]bool // folders
	next int
	err  error
}

// file adds a file, and the folders above it.
func (c *cpio) file(name string, mode int, content []byte) {
	c.folder(path.Dir(name))
	c.entry(name, 0o100000|mode, content)
}

func (c *cpio) folder(name string) {
	if name == "." || name == "/" || c.made[name] {
		return
	}
	c.made[name] = true
	c.folder(path.Dir(name))
	c.entry(name, 0o040755, nil)
}

func (c *cpio) entry(name string, mode int, content []byte) {
	c.next++
	// inode, mode, uid, gid, links, mtime, size, device (2), device of a device (2), length of the name, checksum
	header := "070701"
	for _, v := range []int{c.next, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0} {
		header += fmt.Sprintf("%08X", v)
	}
	c.write([]byte(header + name + "\x00"))
	c.write(content)
}

// write writes, and pads to four bytes.
func (c *cpio) write(b []byte) {
	for _, part := range [][]byte{b, make([]byte, -len(b)&3)} {
		if c.err == nil {
			_, c.err = c.w.Write(part)
		}
	}
}

func (c *cpio) end() error {
	c.entry("TRAILER!!!", 0, nil)
	return c.err
}
