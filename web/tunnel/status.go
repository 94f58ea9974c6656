package tunnel

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"hearth/nvr/media"
)

// Status is how a peer is doing.
type Status struct {
	Handshake time.Time      // the last one; zero: none since the tunnel was opened
	From      netip.AddrPort // where it was last
	In, Out   uint64         // bytes, since the tunnel was opened
	Conns     int
	// Doubled says that two devices seem to use this key: it keeps coming from two places in turn.
	Doubled bool
	// Backwards says that the device's clock is behind what it was before: WireGuard takes its greetings for old ones
	// that somebody repeats.
	Backwards bool
}

// report is what WireGuard tells of a peer.
type report struct {
	handshake time.Time
	from      netip.AddrPort
	in, out   uint64
}

// parseReport reads WireGuard's answer to "get" (its cross-platform interface). Lines that it does not know it passes
// over; it holds on to no secret. Of more than Hosts peers the rest is an error.
func parseReport(r io.Reader) (map[Key]report, error) {
	all := make(map[Key]report)
	var key Key
	var now report
	var sec, nsec int64
	in := false
	end := func() {
		if in {
			if sec > 0 || nsec > 0 {
				now.handshake = time.Unix(sec, nsec).UTC()
			}
			all[key] = now
		}
		now, sec, nsec = report{}, 0, 0
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok {
			continue
		}
		if name == "public_key" {
			end()
			raw, err := hex.DecodeString(value)
			if err != nil || len(raw) != KeySize {
				return nil, fmt.Errorf("read the state of the tunnel: %w", ErrKey)
			}
			if key, in = Key(raw), true; len(all) >= Hosts {
				return nil, fmt.Errorf("read the state of the tunnel: more than %d peers", Hosts)
			}
			continue
		}
		if !in {
			continue
		}
		var err error
		switch name {
		case "endpoint":
			now.from, err = netip.ParseAddrPort(value)
		case "last_handshake_time_sec":
			sec, err = strconv.ParseInt(value, 10, 64)
		case "last_handshake_time_nsec":
			nsec, err = strconv.ParseInt(value, 10, 64)
		case "rx_bytes":
			now.in, err = strconv.ParseUint(value, 10, 64)
		case "tx_bytes":
			now.out, err = strconv.ParseUint(value, 10, 64)
		}
		if err != nil {
			return nil, fmt.Errorf("read the state of the tunnel: %s: %w", name, err)
		}
	}
	end()
	return all, lines.Err()
}

// How a key in two hands shows: it comes back to a place that it had left, again and again within a short time. A
// phone that changes between Wi-Fi and mobile does so, too, but seldom.
const (
	placesKept  = 4
	returnsMany = 3
	returnsTime = 3 * time.Minute
	replaysMany = 3
)

// history is what is remembered of a peer to find out what is wrong with it.
type history struct {
	places  []netip.AddrPort // the last ones, newest last
	returns []time.Time      // to one of them
	replays []time.Time
}

// saw notes where a peer is now.
func (h *history) saw(at netip.AddrPort, now time.Time) {
	if !at.IsValid() || len(h.places) > 0 && h.places[len(h.places)-1] == at {
		return
	}
	if i := slices.Index(h.places, at); i >= 0 {
		h.places = slices.Delete(h.places, i, i+1)
		h.returns = recent(append(h.returns, now), now)
	}
	if h.places = append(h.places, at); len(h.places) > placesKept {
		h.places = h.places[1:]
	}
}

// replayed notes a greeting that was older than one before.
func (h *history) replayed(now time.Time) { h.replays = recent(append(h.replays, now), now) }

func (h *history) doubled(now time.Time) bool { return len(recent(h.returns, now)) >= returnsMany }

// backwards also asks for the last handshake: a device that gets in has a clock that goes forward.
func (h *history) backwards(now, handshake time.Time) bool {
	r := recent(h.replays, now)
	return len(r) >= replaysMany && r[len(r)-1].After(handshake)
}

// recent are those times that are not long ago, the newest few.
func recent(times []time.Time, now time.Time) []time.Time {
	times = slices.DeleteFunc(slices.Clone(times), func(t time.Time) bool { return now.Sub(t) > returnsTime })
	if len(times) > 16 {
		times = times[len(times)-16:]
	}
	return times
}

// Peers tells how all peers are doing.
func (t *Tunnel) Peers() (map[media.UUID]Status, error) {
	reports, err := t.look()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[media.UUID]Status, len(t.peers))
	for id, p := range t.peers {
		r := reports[p.Public]
		p.past.saw(r.from, now)
		all[id] = Status{
			Handshake: r.handshake, From: r.from, In: r.in, Out: r.out, Conns: len(p.conns),
			Doubled: p.past.doubled(now), Backwards: p.past.backwards(now, r.handshake),
		}
	}
	return all, nil
}

// look asks WireGuard.
func (t *Tunnel) look() (map[Key]report, error) {
	text, err := t.dev.IpcGet()
	if err != nil {
		return nil, fmt.Errorf("read the state of the tunnel: %w", err)
	}
	return parseReport(strings.NewReader(text))
}
