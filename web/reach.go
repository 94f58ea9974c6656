package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/web/tunnel"
)

// How long a test of the way in may take.
const (
	lookupTime = 4 * time.Second
	probeTime  = 3 * time.Second
)

// remoteSettings is what is set about remote access, as /settings shows it.
type remoteSettings struct {
	Enabled  bool   `json:"enabled"`
	Port     int    `json:"port" doc:"UDP"`
	Endpoint string `json:"endpoint" doc:"The name or address under which devices reach the box, with a port where the router forwards another one"`
	IPv6     bool   `json:"ipv6" doc:"Devices may come over IPv6"`
}

type changedRemote struct {
	Enabled  *bool   `json:"enabled,omitempty"`
	Port     *int    `json:"port,omitempty" minimum:"1" maximum:"65535"`
	Endpoint *string `json:"endpoint,omitempty" maxLength:"300"`
	IPv6     *bool   `json:"ipv6,omitempty"`
}

// remoteView is how the way in is doing.
type remoteView struct {
	Enabled bool   `json:"enabled"`
	Open    bool   `json:"open" doc:"The port is open, and the page is served in the tunnel"`
	URL     string `json:"url,omitempty" doc:"Where the page is for a device in the tunnel"`
	Here    bool   `json:"here,omitempty" doc:"The reader has come in this way"`

	// The rest is for owners.
	Trouble  string     `json:"trouble,omitempty" doc:"Why it is not open though it should be; for owners, as is all below"`
	Port     int        `json:"port,omitempty"`
	Endpoint string     `json:"endpoint,omitempty"`
	Assumed  string     `json:"assumed_endpoint,omitempty" doc:"What codes say as long as no endpoint is set"`
	IPv6     *bool      `json:"ipv6,omitempty"`
	Public   string     `json:"public_key,omitempty" doc:"The box's"`
	Outside  *time.Time `json:"heard_outside,omitempty" doc:"When a packet came from outside of the home last, from whomever"`
	AtHome   bool       `json:"at_home,omitempty" doc:"The reader is at home: devices can be let in"`
}

// reachView is what a test of the way in found.
type reachView struct {
	Verdict   string     `json:"verdict" enum:"off,closed,unnamed,unresolved,home,carrier,reached,looped,unknown" doc:"reached: a device came in from outside; looped: a packet to the endpoint came back; unknown: no sign either way; the others say what is wrong"`
	Endpoint  string     `json:"endpoint,omitempty"`
	Addresses []string   `json:"addresses" nullable:"false" doc:"Of the endpoint"`
	Own       bool       `json:"own,omitempty" doc:"One of them is the box's own"`
	Trouble   string     `json:"trouble,omitempty" doc:"A sentence about what went wrong"`
	Device    string     `json:"device,omitempty" doc:"That came in from outside"`
	When      *time.Time `json:"when,omitempty"`
	Heard     *time.Time `json:"heard_outside,omitempty"`
}

func (s *Server) remoteRoutes(t *table) {
	owners := door{kind: ownerOnly}
	route(t, door{kind: personal}, http.MethodGet, "/remote", "Whether the box can be reached from afar", s.getRemote)
	route(t, owners, http.MethodPost, "/remote/check",
		"Look whether the way in is open. It asks for the endpoint's name, and sends the box packets by way of it", s.checkRemote)
	route(t, owners, http.MethodPost, "/remote/key", "Give the box another key: every device needs a new code; at home only", s.rotateRemote,
		status(http.StatusNoContent))
	s.deviceRoutes(t)
}

func (r *remote) settings() *remoteSettings {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &remoteSettings{Enabled: r.record.Enabled, Port: int(r.record.Port), Endpoint: r.record.Endpoint, IPv6: !r.record.NoIPv6}
}

// checkRemoteChange says what cannot be taken, before anything is changed.
func checkRemoteChange(c *changedRemote) error {
	if c != nil && c.Endpoint != nil {
		if _, _, err := splitEndpoint(*c.Endpoint); err != nil {
			return invalid("body.remote.endpoint", err.Error())
		}
	}
	return nil
}

func (s *Server) changeRemote(v *visitor, c *changedRemote) error {
	err := s.remote.set(func(r *remoteRecord) {
		if c.Enabled != nil {
			r.Enabled = *c.Enabled
		}
		if c.Port != nil {
			r.Port = uint16(*c.Port)
		}
		if c.Endpoint != nil {
			r.Endpoint = *c.Endpoint
		}
		if c.IPv6 != nil {
			r.NoIPv6 = !*c.IPv6
		}
	})
	var port *tunnel.PortError
	if errors.As(err, &port) {
		return problem(http.StatusConflict, sentence(err.Error()), field("body.remote.port", err.Error()))
	}
	if err != nil {
		return err
	}
	act := "remote.change"
	switch {
	case c.Enabled != nil && *c.Enabled:
		act = "remote.on"
	case c.Enabled != nil:
		act = "remote.off"
	}
	s.noteRemote(v, act)
	return nil
}

func (s *Server) noteRemote(v *visitor, act string) { s.looks.did(v.entry(act, media.CameraID{})) }

// splitEndpoint takes "host" or "host:port" apart; port is 0 where none is said. What is empty is nothing.
func splitEndpoint(said string) (host string, port uint16, err error) {
	wrong := errors.New("give a name or an address like home.example.org, with :port behind it where the router forwards another port")
	if said == "" {
		return "", 0, nil
	}
	host = said
	if h, p, err := net.SplitHostPort(said); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", 0, wrong
		}
		host, port = h, uint16(n)
	}
	host = trimBrackets(host)
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			return "", 0, wrong
		}
		return host, port, nil
	}
	name, err := HostName(host)
	if err != nil {
		return "", 0, wrong
	}
	return name, port, nil
}

func (s *Server) getRemote(ctx context.Context, _ *nothing) (*struct{ Body remoteView }, error) {
	v := visitorOf(ctx)
	r := s.remote
	r.mu.Lock()
	record, t, trouble := r.record, r.tunnel, r.trouble
	r.mu.Unlock()
	out := &struct{ Body remoteView }{remoteView{Enabled: record.Enabled, Open: t != nil && trouble == nil, Here: !v.via.IsZero()}}
	if record.V4.IsValid() {
		out.Body.URL = "https://" + tunnel.At(record.V4, record.V6, 1).V4.String() + "/"
	}
	if s.access().RequireOwner(v.session) != nil {
		return out, nil
	}
	b := &out.Body
	six := !record.NoIPv6
	b.Port, b.Endpoint, b.IPv6, b.AtHome = int(record.Port), record.Endpoint, &six, v.atHome()
	if record.Endpoint == "" {
		b.Assumed = r.endpoint(record)
	}
	if trouble != nil {
		b.Trouble = sentence(trouble.Error())
	}
	if t != nil {
		b.Public, b.Outside = t.Public().Text(), moment(t.Outside())
	}
	return out, nil
}

func (s *Server) rotateRemote(ctx context.Context, _ *nothing) (*nothing, error) {
	v := visitorOf(ctx)
	if !v.atHome() {
		return nil, problem(http.StatusForbidden, "This is done at home: afterwards every device needs a new code.")
	}
	if err := s.remote.rotate(); err != nil {
		return nil, err
	}
	s.noteRemote(v, "remote.rotate")
	return nil, nil
}

// reaching is an address that a packet can be sent to, from what was said and found.
func reaching(addresses []netip.Addr, six bool) (to netip.Addr, ok bool) {
	for _, a := range addresses {
		if a.Is4() || six {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func (s *Server) checkRemote(ctx context.Context, _ *nothing) (*struct{ Body reachView }, error) {
	select {
	case s.reaching <- struct{}{}:
		defer func() { <-s.reaching }()
	default:
		return nil, problem(http.StatusTooManyRequests, "A test is under way. Wait a moment.")
	}
	r := s.remote
	r.mu.Lock()
	record, t, trouble := r.record, r.tunnel, r.trouble
	r.mu.Unlock()
	out := &struct{ Body reachView }{reachView{Addresses: []string{}}}
	b := &out.Body
	switch {
	case !record.Enabled:
		b.Verdict = "off"
		return out, nil
	case t == nil || trouble != nil:
		b.Verdict = "closed"
		if trouble != nil {
			b.Trouble = sentence(trouble.Error())
		}
		return out, nil
	}
	b.Heard = moment(t.Outside())
	device, when, err := s.cameFromOutside()
	if err != nil {
		return nil, err
	}
	b.Device, b.When = device, moment(when)
	b.Endpoint = r.endpoint(record)
	host, port, err := net.SplitHostPort(b.Endpoint)
	if err != nil {
		return nil, err
	}
	limited, done := context.WithTimeout(ctx, lookupTime)
	addresses, err := net.DefaultResolver.LookupNetIP(limited, "ip", host)
	done()
	if err != nil || len(addresses) == 0 {
		b.Verdict, b.Trouble = "unresolved", notResolved(host, err)
		return out, nil
	}
	own := ownNetworks()
	for i, a := range addresses {
		addresses[i] = a.Unmap()
		b.Addresses = append(b.Addresses, a.Unmap().String())
		b.Own = b.Own || slices.ContainsFunc(own, func(n netip.Prefix) bool { return n.Addr() == a.Unmap() })
	}
	all := func(is func(netip.Addr) bool) bool {
		return !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !is(a) })
	}
	switch {
	case device != "":
		b.Verdict = "reached"
	case record.Endpoint == "" && all(func(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() }):
		b.Verdict = "unnamed"
	case all(func(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() }):
		b.Verdict = "home"
	case all(carrier.Contains):
		b.Verdict = "carrier"
	default:
		b.Verdict = "unknown"
	}
	if b.Verdict != "unknown" || b.Own { // to the box's own address it is no way through the router
		return out, nil
	}
	if to, ok := reaching(addresses, !record.NoIPv6); ok {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, err
		}
		limited, done := context.WithTimeout(ctx, probeTime)
		defer done()
		if _, err := t.Probe(limited, netip.AddrPortFrom(to, uint16(n))); err == nil {
			b.Verdict = "looped"
		}
	}
	return out, nil
}

func notResolved(host string, err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "Nobody knows the name " + host + "."
	case errors.As(err, &dns) && dns.IsTimeout, errors.Is(err, context.DeadlineExceeded):
		return "The name " + host + " could not be looked up in time: is this box connected to the Internet?"
	}
	return "The name " + host + " could not be looked up: is this box connected to the Internet?"
}

// cameFromOutside is the device that came in from outside of the home last, within a month.
func (s *Server) cameFromOutside() (name string, when time.Time, err error) {
	devices, err := s.access().Devices(media.UUID{})
	if err != nil {
		return "", when, err
	}
	states := s.remote.states()
	for _, d := range devices {
		v := s.viewOfDevice(d, states)
		from, err := netip.ParseAddr(v.From)
		if err != nil || v.Seen == nil || access.IsHome(from) || time.Since(*v.Seen) > 30*24*time.Hour || v.Seen.Before(when) {
			continue
		}
		name, when = d.Name, *v.Seen
	}
	return name, when, nil
}
