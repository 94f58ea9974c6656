package protocol

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// unitHead is start 16 ‖ at 8 ‖ key 1.
const unitHead = 25

// AppendUnitHead appends what comes before a unit's Data, so that the Data need not be copied to be sent.
func AppendUnitHead(dst []byte, u Unit) []byte {
	dst = appendFrame(dst, KindUnit, unitHead, len(u.Data))
	dst = append(dst, u.Start[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(u.At))
	if u.Key {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// appendFrame appends what every message begins with.
func appendFrame(dst []byte, k Kind, head, body int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(3+head+body))
	dst = append(dst, byte(k))
	return binary.LittleEndian.AppendUint16(dst, uint16(head))
}

// Write writes one message in one call of w.Write when it is small, two when it has a body.
func Write(w io.Writer, m Message) error {
	var head, body []byte
	switch m := m.(type) {
	case Unit:
		body = m.Data
	case Thumb:
		body = m.JPEG
	case JPEG:
		body = m.JPEG
	}
	if u, ok := m.(Unit); ok {
		head = AppendUnitHead(nil, u)
	} else {
		text, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("write a message: %w", err)
		}
		if len(text) > MaxHead {
			return fmt.Errorf("write a message: a head of %d bytes is too long", len(text))
		}
		head = append(appendFrame(make([]byte, 0, 7+len(text)), m.kind(), len(text), len(body)), text...)
	}
	if len(body) > MaxBody {
		return fmt.Errorf("write a message: a body of %d bytes is too long", len(body))
	}
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	if len(body) > 0 {
		if _, err := w.Write(body); err != nil {
			return fmt.Errorf("write a message: %w", err)
		}
	}
	return nil
}
