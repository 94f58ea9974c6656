package web

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// plainly serves plain HTTP: a word that the box is there, the page that says how to trust it, and the way to HTTPS.
// Nothing of the box's is told or taken here.
func (s *Server) plainly() http.Handler {
	trust := s.trust()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			// What was sent in the clear must not be sent again as if nothing had happened.
			w.Header().Set("Connection", "close")
			http.Error(w, "Nothing is taken in the clear: use https://", http.StatusForbidden)
		case !s.isOwnHost(r.Host):
			http.Error(w, s.strangeHost(r.Host), http.StatusMisdirectedRequest)
		case r.URL.Path == "/trust" || strings.HasPrefix(r.URL.Path, "/trust/"):
			trust.ServeHTTP(w, r)
		case r.URL.Path == "/healthz":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintln(w, healthy)
		default:
			// Only our own port on the host that was asked for; the path is the client's own.
			w.Header().Set("Location", "https://"+s.secureHost(r.Host)+r.URL.RequestURI())
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	})
}

// secureHost is where HTTPS is served on the host of a Host header that isOwnHost.
func (s *Server) secureHost(host string) string {
	name := hostName(host)
	if _, port, err := net.SplitHostPort(s.Addr().String()); err == nil && port != "443" {
		return net.JoinHostPort(name, port)
	}
	if net.ParseIP(name) != nil && net.ParseIP(name).To4() == nil {
		return "[" + name + "]"
	}
	return name
}
