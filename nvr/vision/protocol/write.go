package protocol

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

const unitHead = 9

// Write writes one message in one call of w.Write when it is small, two when it has a body.
func Write(w io.Writer, m Message) error {
	var head, body []byte
	switch m := m.(type) {
	case Unit:
		head = make([]byte, unitHead)
		binary.LittleEndian.PutUint64(head, uint64(m.At))
		if m.Key {
			head[8] = 1
		}
		body = m.Data
	default:
		var err error
		if head, err = json.Marshal(m); err != nil {
			return fmt.Errorf("write a message: %w", err)
		}
		switch m := m.(type) {
		case Thumb:
			body = m.JPEG
		case JPEG:
			body = m.JPEG
		}
	}
	if len(head) > MaxHead || len(body) > MaxBody {
		return fmt.Errorf("write a message: %d and %d bytes are too many", len(head), len(body))
	}
	b := make([]byte, 7, 7+len(head))
	binary.LittleEndian.PutUint32(b, uint32(3+len(head)+len(body)))
	b[4] = byte(m.kind())
	binary.LittleEndian.PutUint16(b[5:], uint16(len(head)))
	if _, err := w.Write(append(b, head...)); err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	if len(body) > 0 {
		if _, err := w.Write(body); err != nil {
			return fmt.Errorf("write a message: %w", err)
		}
	}
	return nil
}
