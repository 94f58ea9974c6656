package clip

import (
	"bytes"
	"encoding/binary"
	"errors"

	"hearth/nvr/media"
)

var errNoSets = errors.New("no parameter sets in this file")

// readAVCC finds SPS and PPS in an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1).
func readAVCC(t *media.Track, file []byte) error {
	b := after(file, "avcC")
	if len(b) < 8 {
		return errNoSets
	}
	var ok bool
	if t.SPS, b, ok = set(b[6:]); !ok || len(b) == 0 {
		return errNoSets
	}
	if t.PPS, _, ok = set(b[1:]); !ok {
		return errNoSets
	}
	return nil
}

// readHVCC finds VPS, SPS and PPS in an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1).
func readHVCC(t *media.Track, file []byte) error {
	b := after(file, "hvcC")
	if len(b) < 23 {
		return errNoSets
	}
	arrays := int(b[22])
	b = b[23:]
	for range arrays {
		if len(b) < 3 {
			return errNoSets
		}
		kind, count := b[0]&0x3f, int(binary.BigEndian.Uint16(b[1:]))
		b = b[3:]
		for range count {
			var nal []byte
			var ok bool
			if nal, b, ok = set(b); !ok {
				return errNoSets
			}
			switch kind {
			case 32:
				t.VPS = nal
			case 33:
				t.SPS = nal
			case 34:
				t.PPS = nal
			}
		}
	}
	return nil
}

// readAV1C finds the sequence header in an AV1CodecConfigurationRecord (AV1 Codec ISO Media File Format Binding, 2.3.3).
// A Track has it without its size field.
func readAV1C(t *media.Track, file []byte) error {
	b := after(file, "av1C")
	if len(b) < 6 || b[4]&2 == 0 || b[5]&0x80 != 0 || len(b) < 6+int(b[5]) {
		return errNoSets
	}
	t.Config = append([]byte{b[4] &^ 2}, b[6:6+int(b[5])]...)
	return nil
}

func after(file []byte, box string) []byte {
	i := bytes.Index(file, []byte(box))
	if i < 0 {
		return nil
	}
	return file[i+4:]
}

// set takes a NAL unit with a 2-byte length before it.
func set(b []byte) (nal, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}
