package layer

import (
	"encoding/binary"
	"errors"
)

var errPayload = errors.New("not a list of changes")

// encode makes the payload of a record.
func encode(changes []change) []byte {
	var b []byte
	for i, c := range changes {
		same := i > 0 && changes[i-1].space == c.space
		if same {
			b = append(b, c.op|sameFlag)
		} else {
			owner := mixed(c.space.Owner)
			b = append(b, c.op, byte(c.space.Kind), byte(len(owner)))
			b = append(b, owner...)
		}
		if c.op == opDrop {
			continue
		}
		b = append(binary.AppendUvarint(b, uint64(len(c.key))), c.key...)
		if c.op == opPut {
			b = append(binary.AppendUvarint(b, uint64(len(c.value))), c.value...)
		}
	}
	return b
}

// decode reads a payload; what it gives points into it.
func decode(b []byte, kinds int) (changes []change, err error) {
	p := parser{b: b}
	var s Space
	for len(p.b) > 0 && !p.bad {
		op := p.take(1)
		if p.bad {
			break
		}
		if op[0]&sameFlag == 0 {
			head := p.take(2)
			if p.bad || int(head[0]) >= kinds {
				return nil, errPayload
			}
			s = Space{Kind: int(head[0]), Owner: string(p.take(uint64(head[1])))}
		} else if len(changes) == 0 {
			return nil, errPayload
		}
		c := change{space: s, op: op[0] & opMask}
		switch c.op {
		case opPut:
			c.key, c.value = p.field(), p.field()
		case opDelete:
			c.key = p.field()
		case opDrop:
		default:
			return nil, errPayload
		}
		changes = append(changes, c)
	}
	if p.bad {
		return nil, errPayload
	}
	return changes, nil
}

// parser takes bytes from the front; bad says that there were too few.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) take(n uint64) []byte {
	if n > uint64(len(p.b)) {
		p.bad, p.b = true, nil
		return nil
	}
	taken := p.b[:n:n]
	p.b = p.b[n:]
	return taken
}

func (p *parser) field() []byte {
	n, size := binary.Uvarint(p.b)
	if size <= 0 {
		p.bad, p.b = true, nil
		return nil
	}
	p.b = p.b[size:]
	return p.take(n)
}
