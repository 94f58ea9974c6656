package fmp4

import (
	"fmt"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4/box"
)

// What an esds can hold (ISO/IEC 14496-1, tables 5 and 6).
const (
	objectAAC    = 0x40
	objectJPEG   = 0x6c
	streamVisual = 4
	streamAudio  = 5
)

// streamInfoLen is the length of FLAC's STREAMINFO block body in bytes (RFC 9639, 8.2).
const streamInfoLen = 34

// entryAAC makes mp4a with esds.
func entryAAC(t media.Track) ([]byte, error) {
	if len(t.Config) < 2 || len(t.Config) > 64 {
		return nil, fmt.Errorf("%w: AudioSpecificConfig of %d bytes", ErrTrack, len(t.Config))
	}
	b, at, err := beginSound("mp4a", t)
	if err != nil {
		return nil, err
	}
	b = appendESDS(b, objectAAC, streamAudio, t.Config)
	return box.End(b, at), nil
}

// appendESDS appends an elementary stream descriptor (ISO/IEC 14496-1, 7.2.6.5); config has at most 64 bytes, so
// that every length fits one byte.
func appendESDS(b []byte, object, stream byte, config []byte) []byte {
	specific := 0
	if len(config) > 0 {
		specific = 2 + len(config)
	}
	decoder := 13 + specific
	b, at := box.BeginFull(b, "esds", 0, 0)
	b = append(b, 0x03, byte(3+2+decoder+3), 0, 0, 0)
	b = append(b, 0x04, byte(decoder), object, stream<<2|1)
	b = append(b, 0, 0, 0)        // buffer size unknown
	b = box.U32(box.U32(b, 0), 0) // bit rates unknown
	if len(config) > 0 {
		b = append(b, 0x05, byte(len(config)))
		b = append(b, config...)
	}
	b = append(b, 0x06, 1, 2) // as MP4 wants it
	return box.End(b, at)
}

// entryOpus makes Opus with dOps (Encapsulation of Opus in ISO Base Media File Format, 4.3).
func entryOpus(t media.Track) ([]byte, error) {
	if t.Channels > 2 {
		return nil, fmt.Errorf("%w: Opus with %d channels", ErrTrack, t.Channels)
	}
	b, at, err := beginSound("Opus", t)
	if err != nil {
		return nil, err
	}
	b, dops := box.Begin(b, "dOps")
	b = append(b, 0, byte(t.Channels))
	b = box.U16(b, 0)     // nothing to skip: a live stream has no start
	b = box.U32(b, 48000) // what the sound was before coding, informative
	b = append(box.U16(b, 0), 0)
	b = box.End(b, dops)
	return box.End(b, at), nil
}

// entryFLAC makes fLaC with dfLa (Encapsulation of FLAC in ISO Base Media File Format, 3.3).
func entryFLAC(t media.Track) ([]byte, error) {
	if len(t.Config) != streamInfoLen {
		return nil, fmt.Errorf("%w: FLAC STREAMINFO of %d bytes, want %d", ErrTrack, len(t.Config), streamInfoLen)
	}
	b, at, err := beginSound("fLaC", t)
	if err != nil {
		return nil, err
	}
	b, dfla := box.BeginFull(b, "dfLa", 0, 0)
	b = append(b, 0x80, 0, 0, streamInfoLen) // 0x80: the last metadata block; kind 0
	b = append(b, t.Config...)
	b = box.End(b, dfla)
	return box.End(b, at), nil
}

// aacObject reads the audio object type, what follows "mp4a.40.", from an AudioSpecificConfig; 2 (LC) if it is
// too short to tell.
func aacObject(config []byte) int {
	if len(config) < 2 {
		return 2
	}
	n := int(config[0] >> 3)
	if n == 31 {
		n = 32 + int(config[0]&7)<<3 + int(config[1]>>5)
	}
	return n
}
