package segment

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"hearth/nvr/media"
	"hearth/storage/format"
)

// Pack is the third stream number: a file of a day's thumbnails and event records.
const Pack media.Stream = 2

// HeaderSize is how long a header is, in bytes.
const HeaderSize = 160

const (
	headerMagic = "HEARTH1\n"
	fileFormat  = 1 // the digit in it
	flagTrusted = 1
)

// Header begins a file. It is in the clear: whoever holds the disk may learn when a camera recorded, not what.
type Header struct {
	Camera   media.CameraID
	Stream   media.Stream // Main, Sub or Pack
	Trusted  bool         // the box knew the time when the run began
	Segment  media.UUID
	Run      media.UUID // zero in a pack
	RunSeq   uint32     // how many files of this run came before
	Salt     [32]byte
	Prev     [32]byte // last chain hash of the previous file of this camera and stream; zero: there was none
	Start    int64    // microseconds since 1970, UTC, of the first record
	RunStart int64    // the same, of the run's DTS 0
}

// NewHeader draws a header's identity and salt.
func NewHeader(camera media.CameraID, stream media.Stream) Header {
	h := Header{Camera: camera, Stream: stream, Segment: media.NewUUID()}
	rand.Read(h.Salt[:])
	return h
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // made once by the library

// Append appends the header's bytes to dst.
func (h Header) Append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	b := dst[at:]
	copy(b, headerMagic)
	binary.BigEndian.PutUint16(b[8:], HeaderSize)
	b[10] = byte(h.Stream)
	if h.Trusted {
		b[11] |= flagTrusted
	}
	copy(b[16:], h.Camera[:])
	copy(b[32:], h.Segment[:])
	copy(b[48:], h.Run[:])
	copy(b[64:], h.Salt[:])
	copy(b[96:], h.Prev[:])
	binary.BigEndian.PutUint64(b[128:], uint64(h.Start))
	binary.BigEndian.PutUint64(b[136:], uint64(h.RunStart))
	binary.BigEndian.PutUint32(b[144:], h.RunSeq)
	binary.BigEndian.PutUint32(b[HeaderSize-4:], crc32.Checksum(b[:HeaderSize-4], castagnoli()))
	return dst
}

// Hash is SHA-256 of the header's bytes: where the file's chain begins, and part of what every seal is bound to.
func (h Header) Hash() [32]byte { return sha256.Sum256(h.Append(make([]byte, 0, HeaderSize))) }

// newerError is an ErrDamaged for who only reads, and a *format.NewerError for who would move, cut or mend the file.
type newerError struct{ format.NewerError }

func (e *newerError) Is(target error) bool { return target == ErrDamaged }
func (e *newerError) Unwrap() error        { return &e.NewerError }

// newer is the error for what a later version sealed; 0: in this format, with something in it that this version does not know.
func newer(of int) error {
	return &newerError{format.NewerError{Format: max(of, fileFormat+1), Reads: fileFormat}}
}

// ParseHeader reads a header; what is not one, in any byte, is ErrDamaged; one of a later version a *format.NewerError besides. Zeros are ErrEmpty besides: the header never
// came to the disk, and without its salt nothing behind it can be opened.
func ParseHeader(b []byte) (Header, error) {
	if len(b) >= HeaderSize && [HeaderSize]byte(b) == [HeaderSize]byte{} {
		return Header{}, fmt.Errorf("%w: no header was written: %w", ErrDamaged, ErrEmpty)
	}
	if len(b) >= HeaderSize && string(b[:6]) == headerMagic[:6] && b[6] > headerMagic[6] && b[6] <= '9' && b[7] == '\n' {
		return Header{}, newer(int(b[6] - '0'))
	}
	if len(b) < HeaderSize || string(b[:8]) != headerMagic {
		return Header{}, fmt.Errorf("%w: it does not begin as footage does", ErrDamaged)
	}
	b = b[:HeaderSize]
	if binary.BigEndian.Uint32(b[HeaderSize-4:]) != crc32.Checksum(b[:HeaderSize-4], castagnoli()) {
		return Header{}, fmt.Errorf("%w: header checksum", ErrDamaged)
	}
	h := Header{
		Stream:   media.Stream(b[10]),
		Trusted:  b[11]&flagTrusted != 0,
		Camera:   media.CameraID(b[16:32]),
		Segment:  media.UUID(b[32:48]),
		Run:      media.UUID(b[48:64]),
		Salt:     [32]byte(b[64:96]),
		Prev:     [32]byte(b[96:128]),
		Start:    int64(binary.BigEndian.Uint64(b[128:])),
		RunStart: int64(binary.BigEndian.Uint64(b[136:])),
		RunSeq:   binary.BigEndian.Uint32(b[144:]),
	}
	// Whatever a later version says in bytes that this one does not know must not be passed over.
	if !bytes.Equal(h.Append(make([]byte, 0, HeaderSize)), b) || h.Stream > Pack {
		return Header{}, newer(0)
	}
	return h, nil
}

// ReadHeader reads the header of a file.
func ReadHeader(r io.ReaderAt) (Header, error) {
	var b [HeaderSize]byte
	if n, err := r.ReadAt(b[:], 0); n < HeaderSize {
		if err == io.EOF {
			return Header{}, fmt.Errorf("%w: %d bytes are no header: %w", ErrDamaged, n, ErrEmpty)
		}
		return Header{}, fmt.Errorf("read header: %w", err)
	}
	return ParseHeader(b[:])
}
