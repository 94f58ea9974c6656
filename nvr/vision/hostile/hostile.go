package hostile

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"testing"

	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

// Stream is one run of a camera that means harm.
type Stream struct {
	Name  string
	Track media.Track
	Units []Unit // in decoding order
}

// Unit is one access unit, as media.AccessUnit.Data.
type Unit struct {
	Key  bool
	Data []byte
}

//go:embed corpus
var corpus embed.FS

// Corpus reads all streams from git.
func Corpus(t testing.TB) []Stream {
	t.Helper()
	files, err := corpus.ReadDir("corpus")
	if err != nil {
		t.Fatal(err)
	}
	var all []Stream
	for _, f := range files {
		packed, err := corpus.ReadFile(path.Join("corpus", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		s, err := unpack(strings.TrimSuffix(f.Name(), ".gz"), packed)
		if err != nil {
			t.Fatalf("%s: %v", f.Name(), err)
		}
		all = append(all, s)
	}
	return all
}

// Messages are the stream as hearth says it, its first picture taken at that time in microseconds, 15 pictures a second.
func (s Stream) Messages(task protocol.Task, at int64) []protocol.Message {
	list := []protocol.Message{s.config()}
	for i, u := range s.Units {
		list = append(list, protocol.Unit{Start: task.Start, At: at + int64(i)*1_000_000/15, Key: u.Key, Data: u.Data})
	}
	return list
}

func (s Stream) config() protocol.Config {
	t := s.Track
	return protocol.Config{
		Codec: t.Codec, VPS: t.VPS, SPS: t.SPS, PPS: t.PPS, Config: t.Config, Width: t.Width, Height: t.Height,
		Final: true, Look: true,
	}
}

// said is the stream in the protocol's own form.
func (s Stream) said() ([]byte, error) {
	var b bytes.Buffer
	for _, m := range s.Messages(protocol.Task{}, 0) {
		if err := protocol.Write(&b, m); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func (s Stream) pack() ([]byte, error) {
	text, err := s.said()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func unpack(name string, packed []byte) (Stream, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return Stream{}, err
	}
	s := Stream{Name: name}
	for {
		m, err := protocol.Read(z)
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		switch m := m.(type) {
		case protocol.Config:
			s.Track = media.Track{
				Codec: m.Codec, ClockRate: media.VideoClockRate, VPS: m.VPS, SPS: m.SPS, PPS: m.PPS, Config: m.Config,
				Width: m.Width, Height: m.Height,
			}
		case protocol.Unit:
			s.Units = append(s.Units, Unit{m.Key, m.Data})
		default:
			return s, fmt.Errorf("a %T in a stream", m)
		}
	}
}

// GoodH265 is Good in H.265.
func GoodH265() Stream {
	s := h265()
	s.Name = "good"
	return s
}

// Good is a stream that means no harm.
func Good() Stream {
	s := h264()
	s.Name = "good"
	return s
}
