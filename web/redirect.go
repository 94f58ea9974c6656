package web

import (
	"fmt"
	"net"
	"net/http"
)

// redirector serves plain HTTP: a word that the box is there, and the way to HTTPS.
func (s *Server) redirector() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		fmt.Fprintln(w, healthy)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		w.Header().Set("Cache-Control", "no-store")
		if host == "" {
			http.Error(w, "Use https://", http.StatusBadRequest)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			// What was sent in the clear must not be sent again as if nothing had happened.
			http.Error(w, "Use https://", http.StatusForbidden)
			return
		}
		if _, port, err := net.SplitHostPort(s.Addr().String()); err == nil && port != "443" {
			host = net.JoinHostPort(trimBrackets(host), port)
		}
		// Only our own port on the host that was asked for; the path is the client's own.
		http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	})
	return mux
}

func trimBrackets(host string) string {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}
