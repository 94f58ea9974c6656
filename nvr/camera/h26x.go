package camera

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/pion/rtp"
)

// maxUnit bounds one picture, in bytes: a key frame of 4K at the best quality has 3 MB.
const maxUnit = 8 << 20

var (
	errShortPacket  = errors.New("packet too short")
	errPacketType   = errors.New("packet of a type that is not understood")
	errUnitTooLarge = errors.New("picture too large")
)

// unit is one picture as it came, before it has its place in a run.
type unit struct {
	ts      uint32
	arrived time.Time // of its first packet
	data    []byte    // an MP4 sample
	slice   []byte    // the first slice in data, with its header; nil for codecs without slices
	key     bool
	damaged bool // a part is missing or wrong
	leading bool // H.265 RASL: refers to pictures before the key frame that it follows
	changed bool // with this picture other parameters begin to hold
}

// video makes the packets of one video stream into units.
type video interface {
	// push takes the next packet and passes on each picture that it ends. An error says that a packet made no
	// sense; the picture it belongs to is damaged then.
	push(p *rtp.Packet, emit func(*unit)) error
	// lost says that packets before the next one are missing.
	lost()
	// track describes the pictures by the parameters that hold; false while they are not known.
	track() (t trackInfo, ok bool)
}

// h26x joins packets of H.264 (RFC 6184) and H.265 (RFC 7798) to MP4 samples: NAL units with their length before
// them (ISO 14496-15). Parameter sets that the track has, delimiters and filler are left out.
//
// It ends a picture at the marker or at the next timestamp, since some cameras forget the marker; and it puts up
// with cameras that set it after parameter sets, or pack NAL units with start codes into one packet.
type h26x struct {
	kind naming
	sets parameterSets

	buf     []byte // the sample under way; reused
	open    bool
	ts      uint32
	arrived time.Time
	picture bool // a slice is in buf
	key     bool
	leading bool
	damaged bool
	slice   [2]int // where in buf the first slice is
	partial int    // where in buf a fragmented NAL unit began, or -1

	suspect bool // packets were lost since the last picture began
	after   bool // that was so when this picture began
}

func newH26x(kind naming) *h26x { return &h26x{kind: kind, partial: -1} }

func (x *h26x) lost() {
	x.suspect = true
	x.damaged = x.open
	x.dropPartial()
}

func (x *h26x) push(p *rtp.Packet, emit func(*unit)) error {
	if len(p.Payload) == 0 {
		return nil // padding only
	}
	if x.open && p.Timestamp != x.ts {
		x.finish(emit)
	}
	if !x.open {
		x.open, x.ts, x.arrived = true, p.Timestamp, time.Now()
		x.buf, x.partial = x.buf[:0], -1
		x.picture, x.key, x.leading = false, false, false
		x.damaged = x.suspect && !x.kind.beginsPicture(p.Payload)
		x.after, x.suspect = x.suspect, false
	}
	err := x.packet(p.Payload)
	if err != nil {
		x.damaged = true
		x.dropPartial()
	}
	if p.Marker {
		x.finish(emit)
	}
	return err
}

// finish passes on the picture under way, if there is one.
func (x *h26x) finish(emit func(*unit)) {
	x.open = false
	if x.partial >= 0 {
		x.damaged = true
		x.dropPartial()
	}
	switch {
	case !x.picture:
		x.suspect = x.suspect || x.after
	case x.after && !x.key:
		x.damaged = true // it may refer to a picture that was lost as a whole
	}
	if !x.picture && !x.damaged {
		return // parameter sets with a marker of their own; they are kept in sets
	}
	u := &unit{
		ts: x.ts, arrived: x.arrived, key: x.key, leading: x.leading,
		damaged: x.damaged, changed: x.sets.takeChanged(),
	}
	if !x.damaged {
		u.data = make([]byte, len(x.buf)) // scratch is reused: the unit lives on in rings and queues
		copy(u.data, x.buf)
		u.slice = u.data[x.slice[0]:x.slice[1]]
	}
	emit(u)
}

func (x *h26x) dropPartial() {
	if x.partial >= 0 {
		x.buf = x.buf[:x.partial]
		x.partial = -1
	}
}

// packet takes one RTP payload apart.
func (x *h26x) packet(b []byte) error {
	head := x.kind.header
	if len(b) < head {
		return errShortPacket
	}
	switch form, skip := x.kind.form(b); form {
	case single:
		x.endPartial()
		return x.nal(b)
	case several:
		x.endPartial()
		return x.aggregate(b[skip:])
	case fragment:
		return x.fragment(b)
	}
	return errPacketType
}

// endPartial gives up a fragmented NAL unit whose end did not come.
func (x *h26x) endPartial() {
	if x.partial >= 0 {
		x.damaged = true
		x.dropPartial()
	}
}

// aggregate takes NAL units with a 16-bit length before each (STAP-A; H.265 aggregation packet).
func (x *h26x) aggregate(b []byte) error {
	if len(b) < 2 {
		return errShortPacket
	}
	for len(b) >= 2 {
		n := int(binary.BigEndian.Uint16(b))
		b = b[2:]
		if n == 0 {
			break // padding
		}
		if n > len(b) {
			return errShortPacket
		}
		if err := x.nal(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// fragment takes a part of a NAL unit (FU-A; H.265 fragmentation unit).
func (x *h26x) fragment(b []byte) error {
	head, begin, end, rest, err := x.kind.fragment(b)
	if err != nil {
		return err
	}
	switch {
	case begin:
		x.endPartial()
		x.partial = len(x.buf)
		x.buf = append(x.buf, 0, 0, 0, 0)
		x.buf = append(x.buf, head[:x.kind.header]...)
	case x.partial < 0:
		x.damaged = true
		return nil
	}
	if len(x.buf)+len(rest) > maxUnit {
		return errUnitTooLarge
	}
	x.buf = append(x.buf, rest...)
	if !end {
		return nil
	}
	at := x.partial
	x.partial = -1
	nal := x.buf[at+4:]
	if x.kind.isSlice(nal) {
		binary.BigEndian.PutUint32(x.buf[at:], uint32(len(nal)))
		x.noteSlice(at + 4)
		return nil
	}
	nal = append([]byte(nil), nal...)
	x.buf = x.buf[:at]
	return x.nal(nal)
}

// nal takes one whole NAL unit.
func (x *h26x) nal(n []byte) error {
	if len(n) < x.kind.header {
		return errShortPacket
	}
	if !x.kind.isSlice(n) {
		if parts := splitStartCodes(n); parts != nil {
			for _, p := range parts {
				if err := x.nal(p); err != nil {
					return err
				}
			}
			return nil
		}
		switch x.kind.role(n) {
		case dropped:
			return nil
		case parameters:
			if !x.sets.take(x.kind, n) {
				return nil
			}
		case invalid:
			return errPacketType
		}
	}
	if len(x.buf)+4+len(n) > maxUnit {
		return errUnitTooLarge
	}
	x.buf = binary.BigEndian.AppendUint32(x.buf, uint32(len(n)))
	at := len(x.buf)
	x.buf = append(x.buf, n...)
	if x.kind.isSlice(n) {
		x.noteSlice(at)
	}
	return nil
}

// noteSlice says what kind of picture it is by its first slice, which is in buf from at on.
func (x *h26x) noteSlice(at int) {
	if x.picture {
		return
	}
	x.picture = true
	x.slice = [2]int{at, len(x.buf)}
	x.key, x.leading = x.kind.picture(x.buf[at:])
}
