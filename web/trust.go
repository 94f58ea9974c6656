package web

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"
	text "text/template"

	"github.com/labstack/echo/v4"
)

//go:embed trust/trust.html
var trustHTML string

//go:embed trust/trust.css
var trustCSS []byte

//go:embed trust/profile.xml
var trustProfile string

// trustRoutes are the page that says how a device learns to trust the box, and the authority's certificate in the forms
// that devices take. They are all that plain HTTP serves too: the one who needs them has nothing else yet.
func (s *Server) trustRoutes(t *table) {
	h := echo.WrapHandler(s.trust())
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		t.plain(door{kind: public}, method, "/trust", "How a device learns to trust the box, also over plain HTTP", h)
		for _, f := range trustFiles {
			t.plain(door{kind: public}, method, "/trust/"+f.name, f.summary, h)
		}
	}
}

var trustFiles = []struct{ name, summary string }{
	{"hearth.crt", "The certificate of the box's authority, DER"},
	{"hearth.pem", "The same, PEM"},
	{"hearth.mobileconfig", "The same, as a profile for Apple's devices"},
	{"trust.css", "The page's style"},
}

// trust serves /trust and its files. They hold nothing but what every visitor of the HTTPS side is shown too: the
// certificate.
func (s *Server) trust() http.Handler {
	page := template.Must(template.New("trust").Parse(trustHTML))
	profile := text.Must(text.New("profile").Funcs(text.FuncMap{"xml": escapeXML}).Parse(trustProfile))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		var err error
		kind := ""
		switch r.URL.Path {
		case "/trust":
			kind, err = "text/html; charset=utf-8", page.Execute(&b, s.trustPage(r))
		case "/trust/trust.css":
			kind = "text/css; charset=utf-8"
			b.Write(trustCSS)
		case "/trust/hearth.crt":
			kind = "application/x-x509-ca-cert"
			b.Write(s.authority.ca.Raw)
		case "/trust/hearth.pem":
			kind, err = "application/x-pem-file", pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: s.authority.ca.Raw})
		case "/trust/hearth.mobileconfig":
			kind, err = "application/x-apple-aspen-config", profile.Execute(&b, s.authority.profile())
		default:
			http.Error(w, "There is nothing here.", http.StatusNotFound)
			return
		}
		s.answer(w, kind, b.Bytes(), err)
	})
}

func escapeXML(s string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}

func (s *Server) answer(w http.ResponseWriter, kind string, raw []byte, err error) {
	if err != nil {
		s.Log.Error("the page of the certificate cannot be made", "error", err)
		http.Error(w, "Something went wrong on the box. Its log says more.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	if _, err := w.Write(raw); err != nil {
		s.Log.Debug("an answer was not taken", "error", err)
	}
}

// trustView is what the page says.
type trustView struct {
	Platforms   []platform // the visitor's first
	Fingerprint []string   // 32 bytes in groups of four, as "AB:CD:EF:01"
	Name        string     // of the authority
	Names       []string   // that it can vouch for
	Ranges      []string   // of addresses that it can vouch for
	Until       string     // its end
	Address     string     // of the box, over HTTPS, under the host that was asked
	Vouched     bool       // the certificate is for that host too
	Plain       bool       // asked over plain HTTP
}

// platform is a kind of device. Its steps are in the page, under its ID.
type platform struct {
	ID, Name string
	Here     bool // the visitor's own
}

func (s *Server) trustPage(r *http.Request) *trustView {
	a := s.authority
	view := &trustView{
		Platforms: platformsFor(r.UserAgent()), Name: a.ca.Subject.CommonName, Until: a.ca.NotAfter.UTC().Format("2 January 2006"),
		Address: "https://" + s.secureHost(r.Host) + "/", Plain: r.TLS == nil,
		Vouched: a.vouchesFor(hostName(r.Host)),
	}
	hex := a.fingerprint()
	for len(hex) > 11 {
		view.Fingerprint, hex = append(view.Fingerprint, hex[:11]), hex[12:]
	}
	view.Fingerprint = append(view.Fingerprint, hex)
	for _, n := range a.ca.PermittedDNSDomains {
		if n == "local" || n == "home.arpa" {
			n = "*." + n
		}
		view.Names = append(view.Names, n)
	}
	slices.Sort(view.Names)
	view.Names = slices.Compact(view.Names)
	for _, n := range a.ca.PermittedIPRanges {
		view.Ranges = append(view.Ranges, n.String())
	}
	return view
}

// vouchesFor says whether the leaf is for a name or an address.
func (a *authority) vouchesFor(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	return a.leaf.Leaf.VerifyHostname(name) == nil
}

// platformsFor lists all platforms, that of a browser first. Who hides theirs gets them in the usual order.
func platformsFor(agent string) []platform {
	all := []platform{
		{ID: "ios", Name: "iPhone and iPad"},
		{ID: "android", Name: "Android"},
		{ID: "macos", Name: "Mac"},
		{ID: "windows", Name: "Windows"},
		{ID: "linux", Name: "Linux"},
		{ID: "firefox", Name: "Firefox"},
	}
	id := platformOf(agent)
	for i, p := range all {
		if p.ID == id {
			p.Here = true
			return slices.Insert(slices.Delete(all, i, i+1), 0, p)
		}
	}
	return all
}

// platformOf guesses from a browser's own words. Firefox keeps authorities of its own, but not on Apple's phones.
func platformOf(agent string) string {
	has := func(s string) bool { return strings.Contains(agent, s) }
	switch {
	case has("iPhone"), has("iPad"), has("iPod"):
		return "ios"
	case has("Firefox/"):
		return "firefox"
	case has("Android"):
		return "android"
	case has("Macintosh"):
		return "macos"
	case has("Windows"):
		return "windows"
	case has("Linux"), has("X11"), has("CrOS"):
		return "linux"
	}
	return ""
}

// profile is what Apple's configuration profile says. Its identifiers come from the certificate, so that installing it
// twice is installing it once.
func (a *authority) profile() any {
	hex := strings.ReplaceAll(a.fingerprint(), ":", "")
	uuid := func(from string) string {
		return fmt.Sprintf("%s-%s-4%s-8%s-%s", from[0:8], from[8:12], from[13:16], from[17:20], from[20:32])
	}
	return map[string]string{
		"Name": a.ca.Subject.CommonName, "ID": strings.ToLower(hex[:16]), "Fingerprint": a.fingerprint(),
		"Outer": uuid(hex[:32]), "Inner": uuid(hex[32:]), "Certificate": base64.StdEncoding.EncodeToString(a.ca.Raw),
	}
}

// TrustURL is where a first visitor reads how to trust the box: over plain HTTP, where no warning is in the way, if
// that is served. "" before Open.
func (s *Server) TrustURL() string {
	if s.plain == nil {
		if s.secure == nil {
			return ""
		}
		return s.URL() + "/trust"
	}
	host, port, err := net.SplitHostPort(s.plain.Addr().String())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = homeAddress()
	}
	return "http://" + net.JoinHostPort(host, port) + "/trust"
}

// Fingerprint is the SHA-256 of the authority's certificate, as browsers show it; "" before Open.
func (s *Server) Fingerprint() string {
	if s.authority == nil {
		return ""
	}
	return s.authority.fingerprint()
}
