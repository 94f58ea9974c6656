package power

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// Shell has the shell behind an address, of packaging/virtual/probe.socket, run a script, and gives what that prints.
func Shell(address, script string, within time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, "{ "+script+"\n} 2>&1; printf '\\004'; exit\n"); err != nil {
		return "", err
	}
	out, err := bufio.NewReader(c).ReadString(4)
	if err != nil {
		return out, fmt.Errorf("%s: %w: %s", script, err, out)
	}
	return out[:len(out)-1], nil
}
