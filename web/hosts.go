package web

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// knownHost refuses requests for names that are not the box's. A page on the Internet can let its own name point to an
// address of the home (DNS rebinding), and is then of one origin with the box as far as a browser can tell; what it
// cannot do is ask by a name that it does not own.
func (s *Server) knownHost(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if r := c.Request(); !s.isOwnHost(r.Host) {
			return problem(http.StatusMisdirectedRequest, s.strangeHost(r.Host))
		}
		return next(c)
	}
}

// isOwnHost says whether the box is meant by a Host header: by an address, which nobody else can have pointed here, by a
// name that only a home's own network resolves, by the machine's name, or by one that its owner gave it.
func (s *Server) isOwnHost(host string) bool {
	name := hostName(host)
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	if name == "localhost" || strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".home.arpa") {
		return hostname.MatchString(name)
	}
	return name != "" && (slices.Contains(s.Hosts, name) || s.authority != nil && slices.Contains(s.authority.names(), name))
}

func (s *Server) strangeHost(host string) string {
	name := hostName(host)
	if len(name) > 200 || !hostname.MatchString(name) {
		return "This box does not go by that name. Open it by its address: " + s.URL()
	}
	return fmt.Sprintf("This box does not go by the name %s. Open it by its address, %s, or start it with --host %s if the name is yours.",
		name, s.URL(), name)
}

// hostName is the host of a Host header without its port: in lower case, without brackets or a last dot.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(trimBrackets(host), "."))
}

func trimBrackets(host string) string {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}

// HostName gives a name that an owner gave the box in the form in which it is compared and certified.
func HostName(said string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(said, "."))
	if len(name) > 253 || !hostname.MatchString(name) {
		return "", errors.New("this is no host name; give it like cameras.example.org, without https:// or a port")
	}
	if net.ParseIP(name) != nil {
		return "", errors.New("this is an address: the box answers under all of its addresses anyway")
	}
	return name, nil
}
