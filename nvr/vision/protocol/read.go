package protocol

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"hearth/nvr/media"
)

// Padding is how many zero bytes lie behind a Unit's Data, within its capacity: FFmpeg's parsers read a few bytes
// too far.
const Padding = 64

// Read reads one message. At the end of the input it gives io.EOF; a message cut short is io.ErrUnexpectedEOF.
func Read(r io.Reader) (Message, error) { return ReadInto(r, nil) }

// ReadInto is Read with memory for bodies: room gives an empty slice with at least that capacity, or nil where it has
// none.
func ReadInto(r io.Reader, room func(capacity int) []byte) (Message, error) {
	var b [7 + unitHead]byte // on the heap, since r may keep it: once for all but long heads
	if _, err := io.ReadFull(r, b[:4]); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, b[4:7]); err != nil {
		return nil, short(err)
	}
	length := int64(binary.LittleEndian.Uint32(b[:]))
	kind := Kind(b[4])
	headLength := int64(binary.LittleEndian.Uint16(b[5:]))
	bodyLength := length - 3 - headLength
	if bodyLength < 0 || bodyLength > maxBody(kind) {
		return nil, fmt.Errorf("kind %d of %d bytes, %d of them head: %w", kind, length, headLength, ErrMalformed)
	}
	head := b[7:]
	if headLength > unitHead {
		head = make([]byte, headLength)
	}
	head = head[:headLength]
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, short(err)
	}
	body, err := readBody(r, int(bodyLength), room)
	if err != nil {
		return nil, short(err)
	}
	m, err := parse(kind, head, body)
	if err != nil {
		return nil, fmt.Errorf("kind %d: %w", kind, err)
	}
	return m, nil
}

// readBody reads n bytes, and has room for Padding zeros behind them. What was announced is not believed: memory
// grows with what comes.
func readBody(r io.Reader, n int, room func(int) []byte) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	const step = 1 << 20
	var body []byte
	if room != nil {
		body = room(n + Padding)
	}
	if body == nil {
		body = make([]byte, 0, min(n, step)+Padding)
	}
	for len(body) < n {
		have, more := len(body), min(n-len(body), step)
		if have+more+Padding > cap(body) {
			body = append(make([]byte, 0, min(n, 2*(have+more))+Padding), body...)
		}
		body = body[:have+more]
		if _, err := io.ReadFull(r, body[have:]); err != nil {
			return nil, err
		}
	}
	clear(body[n : n+Padding])
	return body, nil
}

func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxBody is how large a message of this kind may be besides its head.
func maxBody(k Kind) int64 {
	switch k {
	case KindUnit:
		return MaxBody
	case KindThumb, KindJPEG:
		return MaxJPEG
	}
	return 0
}

func parse(k Kind, head, body []byte) (Message, error) {
	switch k {
	case KindUnit:
		if len(head) != unitHead || head[24] > 1 {
			return nil, ErrMalformed
		}
		return Unit{
			Start: media.UUID(head), At: int64(binary.LittleEndian.Uint64(head[16:])), Key: head[24] == 1, Data: body,
		}, nil
	case KindTask:
		return parseJSON(head, func(m *Task) bool { return !m.Camera.IsZero() || !m.Start.IsZero() })
	case KindConfig:
		return parseJSON(head, func(m *Config) bool {
			return max(len(m.VPS), len(m.SPS), len(m.PPS), len(m.Config)) <= MaxSets && len(m.Codec) <= MaxName && validWays(m.Ways)
		})
	case KindWays:
		return parseJSON(head, func(m *Ways) bool { return validWays(m.Ways) })
	case KindMotion:
		return parseJSON(head, func(m *Motion) bool { return len(m.Settings.Zones) <= MaxZones && len(m.Settings.Masks) <= MaxZones })
	case KindPicture:
		return parseJSON(head, func(m *Picture) bool { return m.Width >= 0 && m.Width <= MaxWidth })
	case KindHello:
		return parseJSON(head, func(m *Hello) bool { return len(m.FFmpeg) <= MaxText && len(m.Sandbox)+len(m.Missing) <= MaxText })
	case KindDecoder:
		return parseJSON(head, func(m *Decoder) bool {
			n := len(m.Device) + len(m.Codec) + len(m.Why) + len(m.Sandbox) + len(m.Missing)
			return n <= MaxText && Way{Name: m.Name}.Known() && validFailed(m.Failed)
		})
	case KindLook:
		return parseJSON(head, validLook)
	case KindThumb:
		return parseJSON(head, func(m *Thumb) bool {
			m.JPEG = body
			return isJPEG(body) && sane(m.Score) && validRegion(m.Region)
		})
	case KindJPEG:
		return parseJSON(head, func(m *JPEG) bool {
			m.JPEG = body
			return isJPEG(body)
		})
	case KindStats:
		return parseJSON(head, validStats)
	case KindError:
		return parseJSON(head, func(m *Error) bool { return len(m.Text) <= MaxText && validFailed(m.Failed) })
	}
	return nil, ErrMalformed
}

func parseJSON[T Message](head []byte, valid func(*T) bool) (Message, error) {
	var m T
	if err := json.Unmarshal(head, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !valid(&m) {
		return nil, fmt.Errorf("%w: out of bounds", ErrMalformed)
	}
	return m, nil
}

func validStats(m *Stats) bool {
	const most = 1e10 // seconds: as good as for ever
	return len(m.Mode) <= MaxName && m.CPU >= 0 && m.CPU <= most && m.RSS >= 0 &&
		slices.Contains(Whys, m.Why) && slices.Contains(Hints, m.Hint) && sane(m.Trust) && m.Wake >= 0 && m.Wake <= MaxBody
}

func validWays(ways []Way) bool {
	for _, w := range ways {
		if !w.Known() || len(w.Device) > MaxName {
			return false
		}
	}
	return len(ways) <= MaxWays
}

func validFailed(w *Way) bool { return w == nil || w.Known() && len(w.Device) <= MaxName }

func validLook(m *Look) bool {
	if len(m.Regions) > MaxRegions || len(m.Zones) > MaxZones || !sane(m.Score) ||
		m.Reach < 0 || m.Reach > media.Levels || !validRegion(m.Where) {
		return false
	}
	if m.Tamper != "" && m.TamperSince > m.At || m.Frozen && m.FrozenSince > m.At {
		return false
	}
	switch m.Tamper {
	case "", "covered", "turned", "defocused":
	default:
		return false
	}
	for _, r := range m.Regions {
		if !validRegion(r) {
			return false
		}
	}
	for _, z := range m.Zones {
		if len(z) > MaxName {
			return false
		}
	}
	return true
}

// sane says whether a score or a part of a picture is a number that can be shown.
func sane(v float64) bool { return !math.IsNaN(v) && v >= 0 && v <= 1.0001 }

func validRegion(r media.Region) bool {
	return sane(r.X) && sane(r.Y) && sane(r.W) && sane(r.H) && sane(r.Score)
}

func isJPEG(b []byte) bool {
	return len(b) > 4 && b[0] == 0xff && b[1] == 0xd8 && b[2] == 0xff
}
