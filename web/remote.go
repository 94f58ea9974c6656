package web

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/web/tunnel"
)

const (
	remoteSetting = "remote"
	remotePurpose = "tunnel-private"
	remotePort    = 51820 // unless the owner says another
	insidePort    = 443   // of the page, in the tunnel

	remoteLook  = 2 * time.Second  // between looks at how devices are doing
	remoteAgain = 30 * time.Second // between tries to open a port that was in use
	seenKept    = 10 * time.Minute // between writes of when a device was seen
)

// remoteRecord is what hearth.db keeps of the way in from afar.
type remoteRecord struct {
	Enabled  bool   `json:"enabled"`
	Port     uint16 `json:"port"`
	Endpoint string `json:"endpoint,omitempty"` // host or host:port, as the owner says that devices reach the box
	NoIPv6   bool   `json:"no_ipv6,omitempty"`
	// The rest is made when it is needed first.
	Key []byte       `json:"key,omitempty"` // the box's private key, sealed
	V4  netip.Prefix `json:"v4,omitzero"`   // the tunnel's networks
	V6  netip.Prefix `json:"v6,omitzero"`
}

// remote is the way in from afar: the tunnel, while it is on, with the page in it. Nothing of it can keep the page from
// the home: what fails is told, and tried again.
type remote struct {
	s *Server

	change  sync.Mutex // one at a time changes it
	syncing sync.Mutex // what hearth.db says is read and told to a tunnel in one step, or who was just revoked could come back

	mu      sync.Mutex
	record  remoteRecord
	tunnel  *tunnel.Tunnel // nil: closed
	serving *http.Server
	trouble error // why it is not open though it should be
	tried   time.Time
	ctx     context.Context // while the server runs
	kept    map[media.UUID]time.Time
}

// read reads what is set; without it there is no way in.
func (r *remote) read() {
	var record remoteRecord
	_, err := r.s.Store.Box().Setting(remoteSetting, &record)
	r.mu.Lock()
	defer r.mu.Unlock()
	if record.Port == 0 {
		record.Port = remotePort
	}
	r.record, r.kept = record, make(map[media.UUID]time.Time)
	if err != nil {
		r.trouble = err
		r.s.Log.Error("what is set about remote access cannot be read", "error", err)
	}
}

// names are the box's addresses in the tunnel: the certificate is good for them.
func (r *remote) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.record.V4.IsValid() {
		return nil
	}
	at := tunnel.At(r.record.V4, r.record.V6, 1)
	return []string{at.V4.String(), at.V6.String()}
}

// run opens the tunnel where it is on, looks after it, and closes it when ctx ends.
func (r *remote) run(ctx context.Context) {
	r.change.Lock()
	r.mu.Lock()
	r.ctx = ctx
	record := r.record
	r.mu.Unlock()
	r.reopen(record)
	r.change.Unlock()
	tick := time.NewTicker(remoteLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.change.Lock()
			defer r.change.Unlock()
			r.mu.Lock()
			r.ctx = nil
			r.mu.Unlock()
			r.shut()
			return
		case <-tick.C:
			r.tend()
		}
	}
}

// tend notes who was seen, and tries again to open what should be open.
func (r *remote) tend() {
	r.mu.Lock()
	t, again := r.tunnel, r.record.Enabled && r.tunnel == nil && time.Since(r.tried) > remoteAgain
	r.mu.Unlock()
	if again && r.change.TryLock() {
		r.mu.Lock()
		record := r.record
		r.mu.Unlock()
		r.reopen(record)
		r.change.Unlock()
	}
	if t == nil {
		return
	}
	all, err := t.Peers()
	if err != nil {
		r.s.Log.Debug("the tunnel does not say how it is doing", "error", err)
		return
	}
	for id, p := range all {
		if p.Handshake.IsZero() {
			continue
		}
		r.mu.Lock()
		write := p.Handshake.Sub(r.kept[id]) >= seenKept
		if write {
			r.kept[id] = p.Handshake
		}
		r.mu.Unlock()
		if write { // where the disk takes nothing, it is known until the box stops
			if err := r.s.access().SawDevice(id, p.Handshake, p.From.Addr().Unmap().String()); err != nil {
				r.s.Log.Debug("when a device was seen is not kept", "error", err)
			}
		}
	}
}

// reopen closes the tunnel and, where the record says so, opens it by that. Its caller has r.change.
func (r *remote) reopen(record remoteRecord) {
	r.shut()
	t, err := r.open(record)
	if err == nil {
		err = r.use(t)
	}
	if err != nil {
		r.s.Log.Error("remote access is not open", "error", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble, r.tried = err, time.Now()
}

// open opens a tunnel by a record, with all devices that may come in; nil where it is off.
func (r *remote) open(record remoteRecord) (*tunnel.Tunnel, error) {
	if !record.Enabled {
		return nil, nil
	}
	private, err := r.private(record)
	if err != nil {
		return nil, err
	}
	t, err := tunnel.Open(tunnel.Config{
		Private: private, Port: record.Port, IPv6: !record.NoIPv6, Place: tunnel.At(record.V4, record.V6, 1),
		Home: access.IsHome, Log: r.s.Log,
	})
	if err != nil {
		return nil, err
	}
	if err := r.let(t, record); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (r *remote) private(record remoteRecord) (tunnel.Key, error) {
	raw, err := r.s.Store.Keys().Open(remotePurpose, media.UUID{}, record.Key)
	if err != nil || len(raw) != tunnel.KeySize {
		return tunnel.Key{}, fmt.Errorf("the box's key for remote access cannot be read (make a new one on the page): %w", err)
	}
	return tunnel.Key(raw), nil
}

// let makes those devices the tunnel's peers that may come in now. All others are cut.
func (r *remote) let(t *tunnel.Tunnel, record remoteRecord) error {
	r.syncing.Lock()
	defer r.syncing.Unlock()
	keys, err := r.s.access().DeviceKeys()
	if err != nil {
		return err
	}
	peers := make([]tunnel.Peer, 0, len(keys))
	for _, k := range keys {
		if len(k.Public) != tunnel.KeySize || len(k.Preshared) != tunnel.KeySize {
			return fmt.Errorf("device %s: %w", k.ID, tunnel.ErrKey)
		}
		peers = append(peers, tunnel.Peer{
			ID: k.ID, Public: tunnel.Key(k.Public), Preshared: tunnel.Key(k.Preshared), Place: tunnel.At(record.V4, record.V6, k.Number),
		})
	}
	return t.Set(peers)
}

// sync brings the tunnel in line with hearth.db after devices changed: whoever is not there any more is out when it returns.
func (r *remote) sync() error {
	r.mu.Lock()
	t, record := r.tunnel, r.record
	r.mu.Unlock()
	if t == nil {
		return nil
	}
	err := r.let(t, record)
	if err != nil { // rather nobody than somebody who may not
		err = errors.Join(err, t.Set(nil))
		r.s.Log.Error("remote access lets nobody in", "error", err)
	}
	return err
}

// use serves the page in a tunnel that was opened; nil does nothing. Its caller has r.change.
func (r *remote) use(t *tunnel.Tunnel) error {
	if t == nil {
		return nil
	}
	l, err := t.Listen(insidePort)
	if err != nil {
		t.Close()
		return err
	}
	if err := r.s.authority.refresh(); err != nil { // the names that the box has there
		r.s.Log.Error("the certificate cannot be renewed", "error", err)
	}
	r.mu.Lock()
	serving := r.s.secureServer(r.ctx)
	serving.ConnContext = withDevice
	r.tunnel, r.serving = t, serving
	r.mu.Unlock()
	// Who was revoked since it was opened was taken out of the one before, or of none.
	if err := r.sync(); err != nil {
		r.shut()
		return errors.Join(err, l.Close())
	}
	go func() {
		if err := serving.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
			r.s.Log.Error("the page is not served in the tunnel any more", "error", err)
		}
	}()
	r.s.Log.Info("remote access is open", "udp_port", t.Port())
	return nil
}

// shut closes the tunnel, if it is open, and cuts who is in it.
func (r *remote) shut() {
	r.mu.Lock()
	t, serving := r.tunnel, r.serving
	r.tunnel, r.serving = nil, nil
	r.mu.Unlock()
	if serving != nil {
		if err := serving.Close(); err != nil {
			r.s.Log.Debug("closing the page in the tunnel", "error", err)
		}
	}
	if t != nil {
		t.Close()
		r.s.Log.Info("remote access is closed")
	}
}

// set changes what is set, all of it or nothing. Errors: *tunnel.PortError.
func (r *remote) set(change func(*remoteRecord)) error {
	r.change.Lock()
	defer r.change.Unlock()
	r.mu.Lock()
	before, open, running := r.record, r.tunnel, r.ctx != nil
	r.mu.Unlock()
	after := before
	change(&after)
	if err := r.complete(&after); err != nil {
		return err
	}
	keep := func() error { return r.s.Store.Box().PutSetting(remoteSetting, after) }
	same := before.Enabled && after.Enabled && after.Port == before.Port // what failed to open is tried again by itself
	if same || !after.Enabled || !running {
		if err := keep(); err != nil {
			return err
		}
		r.mu.Lock()
		r.record = after
		r.mu.Unlock()
		if same && open != nil {
			open.SetIPv6(!after.NoIPv6)
		} else if !after.Enabled {
			r.shut()
			r.mu.Lock()
			r.trouble = nil
			r.mu.Unlock()
		}
		return nil
	}
	// The new one opens before the old one closes: a port in use changes nothing.
	t, err := r.open(after)
	if err != nil {
		return err
	}
	if err := keep(); err != nil {
		t.Close()
		return err
	}
	r.shut()
	r.mu.Lock()
	r.record, r.trouble = after, nil
	r.mu.Unlock()
	return r.use(t)
}

// complete makes what is missing: a key, networks.
func (r *remote) complete(record *remoteRecord) error {
	if record.Port == 0 {
		record.Port = remotePort
	}
	if !record.V4.IsValid() {
		record.V4, record.V6 = newNetworks(ownNetworks())
	}
	if len(record.Key) == 0 {
		private := tunnel.NewPrivate()
		record.Key = r.s.Store.Keys().Seal(remotePurpose, media.UUID{}, private[:])
	}
	return nil
}

// rotate gives the box another key. No device gets in until it has a new code.
func (r *remote) rotate() error {
	r.change.Lock()
	defer r.change.Unlock()
	r.mu.Lock()
	after, running := r.record, r.ctx != nil
	r.mu.Unlock()
	after.Key = nil
	if err := r.complete(&after); err != nil {
		return err
	}
	if err := r.s.access().RevokeCodes(remoteSetting, after); err != nil {
		return err
	}
	r.mu.Lock()
	r.record = after
	r.mu.Unlock()
	if running {
		r.reopen(after)
	}
	return nil
}

// profile is what a device has to know; private is nil where it has made its key itself.
func (r *remote) profile(number int, private *tunnel.Key, preshared tunnel.Key) (tunnel.Profile, error) {
	r.mu.Lock()
	record := r.record
	r.mu.Unlock()
	if len(record.Key) == 0 || !record.V4.IsValid() {
		if err := r.set(func(*remoteRecord) {}); err != nil { // makes what is missing
			return tunnel.Profile{}, err
		}
		r.mu.Lock()
		record = r.record
		r.mu.Unlock()
	}
	own, err := r.private(record)
	if err != nil {
		return tunnel.Profile{}, err
	}
	public, err := own.Public()
	if err != nil {
		return tunnel.Profile{}, err
	}
	return tunnel.Profile{
		Private: private, Preshared: preshared, Place: tunnel.At(record.V4, record.V6, number), Box: public,
		BoxPlace: tunnel.At(record.V4, record.V6, 1), Endpoint: r.endpoint(record),
	}, nil
}

// endpoint is where devices reach the box. Without the owner's word it is an address of the box's that can be reached from
// elsewhere, and where it has none one that is good at home only.
func (r *remote) endpoint(record remoteRecord) string {
	host, port, err := splitEndpoint(record.Endpoint)
	if err != nil || host == "" {
		host = homeAddress()
		if public := publicAddresses(); len(public) > 0 && !record.NoIPv6 {
			host = public[0].String()
		}
	}
	if port == 0 {
		port = record.Port
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// publicAddresses are those of the machine that can be reached from elsewhere as far as one can tell here.
func publicAddresses() (list []netip.Addr) {
	for _, n := range ownNetworks() {
		a := n.Addr()
		if a.IsGlobalUnicast() && !a.IsPrivate() && !carrier.Contains(a) {
			list = append(list, a)
		}
	}
	return list
}

// carrier are the addresses behind a carrier's NAT (RFC 6598).
var carrier = netip.MustParsePrefix("100.64.0.0/10")

// ownNetworks are the machine's addresses with their networks.
func ownNetworks() (list []netip.Prefix) {
	addresses, _ := net.InterfaceAddrs() // without them there is nothing to avoid
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok {
			address, _ := netip.AddrFromSlice(n.IP)
			ones, _ := n.Mask.Size()
			list = append(list, netip.PrefixFrom(address.Unmap(), ones))
		}
	}
	return list
}

// newNetworks chooses the tunnel's networks at random, so that hardly any device has been in the same elsewhere (RFC 4193
// asks for that), and none of those that are avoided.
func newNetworks(avoid []netip.Prefix) (v4, v6 netip.Prefix) {
	var b [8]byte
	for {
		rand.Read(b[:])
		v4 = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, b[0], b[1], 0}), 24)
		taken := false
		for _, n := range avoid {
			taken = taken || n.Addr().Is4() && n.Overlaps(v4) && n.Bits() > 8
		}
		if !taken {
			break
		}
	}
	v6 = netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, b[2], b[3], b[4], b[5], b[6], b[7]}), 64)
	return v4, v6
}

type deviceKey struct{}

// withDevice is http.Server.ConnContext in the tunnel.
func withDevice(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if in, ok := c.(*tunnel.Conn); ok {
		return context.WithValue(ctx, deviceKey{}, in.Peer)
	}
	return ctx
}

// viaOf is the device in the tunnel that a request comes from; zero: it comes another way.
func viaOf(ctx context.Context) media.UUID {
	id, _ := ctx.Value(deviceKey{}).(media.UUID)
	return id
}

// cameBy keeps sessions to the way in on which they were begun: one of a device in the tunnel is good on that device only,
// and on a device in the tunnel no other is, nor the token of anybody else.
func (s *Server) cameBy(r *http.Request, session access.Session, err error) (access.Session, error) {
	if err != nil {
		return access.Session{}, err
	}
	via := viaOf(r.Context())
	switch {
	case !session.IsToken() && session.Via == via:
		return session, nil
	case session.IsToken() && via.IsZero():
		return session, nil
	case session.IsToken():
		owner, err := s.access().DeviceOwner(via)
		if err == nil && owner.ID == session.Person.ID {
			return session, nil
		}
		if err != nil && !errors.Is(err, access.ErrNoDevice) {
			return access.Session{}, err
		}
	}
	return access.Session{}, access.ErrNoSession
}
