package sim

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
)

// spot is an address of its own, and who answers there now.
type spot struct {
	home     *Camera // whose address it is
	listener net.Listener
	answers  *Camera // nil: nobody
}

// visit is a connection that came in over an address; it stays with the camera that took it.
type visit struct {
	net.Conn
	camera *Camera // nil: the server's own address, where the path says which
	on     *lobby
}

// Close implements net.Conn.
func (v *visit) Close() error {
	v.on.mu.Lock()
	delete(v.on.visits, v)
	v.on.mu.Unlock()
	return v.Conn.Close()
}

// lobby is one listener out of many: the server's own address, and those of cameras.
type lobby struct {
	shared net.Listener
	spots  []*spot

	came   chan net.Conn
	closed chan struct{}
	once   sync.Once
	doing  sync.WaitGroup

	mu     sync.Mutex // guards what follows, and who answers
	visits map[*visit]*spot
	calls  int64 // that came, also those that nobody answered
}

// openLobby listens on the shared listener's and all own addresses.
func openLobby(shared net.Listener, cameras []*Camera) (*lobby, error) {
	l := &lobby{
		shared: shared, came: make(chan net.Conn), closed: make(chan struct{}), visits: make(map[*visit]*spot),
	}
	for _, c := range cameras {
		if c.Address == "" {
			continue
		}
		listener, err := net.Listen("tcp", c.Address)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("camera %q: %w", c.Name, err)
		}
		c.home = listener.Addr().String()
		l.spots = append(l.spots, &spot{home: c, listener: listener, answers: c})
	}
	l.doing.Go(func() { l.take(shared, nil) })
	for _, p := range l.spots {
		l.doing.Go(func() { l.take(p.listener, p) })
	}
	return l, nil
}

// take hands on what comes in over one listener, until that is closed.
func (l *lobby) take(from net.Listener, p *spot) {
	for {
		c, err := from.Accept()
		if err != nil {
			return
		}
		v := l.admit(c, p)
		if v == nil {
			c.Close()
			continue
		}
		select {
		case l.came <- v:
		case <-l.closed:
			v.Close()
		}
	}
}

// Calls says how many TCP connections came since the server began, and how many are open.
func (s *Server) Calls() (came, open int64) {
	s.lobby.mu.Lock()
	defer s.lobby.mu.Unlock()
	return s.lobby.calls, int64(len(s.lobby.visits))
}

// admit gives a connection to who answers; nil if nobody does.
func (l *lobby) admit(c net.Conn, p *spot) *visit {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	v := &visit{Conn: c, on: l}
	if p != nil {
		if v.camera = p.answers; v.camera == nil {
			return nil
		}
		if v.camera.TLS {
			v.Conn = tls.Server(c, v.camera.tls)
		}
	}
	l.visits[v] = p
	return v
}

// deal changes who answers where, in one step, and ends the connections of the addresses that changed.
func (l *lobby) deal(change func(answers map[*Camera]*Camera)) {
	l.mu.Lock()
	answers := make(map[*Camera]*Camera)
	for _, p := range l.spots {
		answers[p.home] = p.answers
	}
	change(answers)
	changed := make(map[*spot]bool)
	for _, p := range l.spots {
		changed[p] = p.answers != answers[p.home]
		p.answers = answers[p.home]
	}
	l.mu.Unlock()
	l.drop(func(p *spot) bool { return p != nil && changed[p] })
}

// drop closes the connections of some addresses; nil stands for the shared address.
func (l *lobby) drop(of func(*spot) bool) {
	l.mu.Lock()
	var ended []net.Conn
	for v, p := range l.visits {
		if of(p) {
			ended = append(ended, v.Conn)
		}
	}
	l.mu.Unlock()
	for _, c := range ended {
		if t, ok := c.(*tls.Conn); ok {
			c = t.NetConn() // without a goodbye, which could wait for the other side
		}
		c.Close()
	}
}

// Accept implements net.Listener.
func (l *lobby) Accept() (net.Conn, error) {
	select {
	case c := <-l.came:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *lobby) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.shared.Close()
		for _, p := range l.spots {
			p.listener.Close()
		}
		l.doing.Wait()
	})
	return nil
}

// Addr implements net.Listener.
func (l *lobby) Addr() net.Addr { return l.shared.Addr() }

// Answer makes c answer at the address of home from now on, as when a router hands an address to another device, and
// ends the connections there. A nil c is nobody: connections are closed at once. It comes after Ready.
func (s *Server) Answer(home, c *Camera) {
	s.lobby.deal(func(answers map[*Camera]*Camera) { answers[home] = c })
}

// Deal says in one step who answers at which address: the key is the camera whose address it is. Those that are not
// named stay as they are.
func (s *Server) Deal(to map[*Camera]*Camera) {
	s.lobby.deal(func(answers map[*Camera]*Camera) {
		for home, c := range to {
			answers[home] = c
		}
	})
}

// Swap exchanges who answers at the addresses of a and b, and ends the connections at both. Twice is as before.
func (s *Server) Swap(a, b *Camera) {
	s.lobby.deal(func(answers map[*Camera]*Camera) { answers[a], answers[b] = answers[b], answers[a] })
}

// DropAll cuts every connection of every camera at once, as a power cut of the switch does. Everybody can connect again.
func (s *Server) DropAll() { s.lobby.drop(func(*spot) bool { return true }) }
