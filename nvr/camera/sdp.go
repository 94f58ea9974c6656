package camera

import (
	"bytes"
	"strings"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/sdp"
)

// offered is what we take of what a camera describes.
type offered struct {
	videoMedia   *description.Media
	video        format.Format
	audioMedia   *description.Media // nil: no sound that we can use
	audio        format.Format
	audioProblem string // why not, if there is some
}

// choose takes the first video and the first sound that Hearth knows.
func choose(desc *description.Session) (offered, error) {
	var o offered
	var others []string
	for _, m := range desc.Medias {
		if m.IsBackChannel {
			continue
		}
		for _, f := range m.Formats {
			switch {
			case m.Type == description.MediaTypeVideo && o.video == nil && knownVideo(f):
				o.videoMedia, o.video = m, f
			case m.Type == description.MediaTypeVideo && o.video == nil:
				others = append(others, f.Codec())
			case m.Type == description.MediaTypeAudio && o.audio == nil && knownSound(f):
				o.audioMedia, o.audio = m, f
			case m.Type == description.MediaTypeAudio && o.audio == nil:
				o.audioProblem = "The camera's sound is " + f.Codec() + ", which Hearth cannot keep. Choose AAC or G.711 in the camera."
			}
		}
	}
	switch {
	case o.audio != nil:
		o.audioProblem = ""
	case o.audioProblem == "":
		o.audioProblem = "The camera offers no sound."
	}
	if o.video != nil {
		return o, nil
	}
	if len(others) == 0 {
		return o, &Problem{Kind: ErrNoVideo, Sentence: "The stream holds no video. Check the path of the address."}
	}
	return o, &Problem{
		Kind:     ErrUnsupportedCodec,
		Sentence: "The camera's video is " + strings.Join(others, ", ") + ", which Hearth cannot keep. Choose H.264 or H.265 in the camera.",
	}
}

func knownVideo(f format.Format) bool {
	switch f.(type) {
	case *format.H264, *format.H265, *format.AV1, *format.MJPEG:
		return true
	}
	return false
}

func knownSound(f format.Format) bool {
	switch f := f.(type) {
	case *format.MPEG4Audio, *format.Opus:
		return true
	case *format.G711:
		return f.ChannelCount == 1 || f.ChannelCount == 2
	}
	return false
}

// repairSDP takes out of a session description those parts that gortsplib cannot read, as long as they are no
// video: it would refuse the whole description for one malformed line about the sound.
func repairSDP(res *base.Response) {
	if len(res.Body) == 0 || readableSDP(res.Body) {
		return
	}
	head, medias := splitSDP(res.Body)
	kept := bytes.Clone(head)
	for _, m := range medias {
		if bytes.HasPrefix(m, []byte("m=video")) || readableSDP(append(bytes.Clone(head), m...)) {
			kept = append(kept, m...)
		}
	}
	res.Body = kept
}

func readableSDP(b []byte) bool {
	var ssd sdp.SessionDescription
	if ssd.Unmarshal(b) != nil {
		return false
	}
	var desc description.Session
	return desc.Unmarshal(&ssd) == nil
}

// splitSDP cuts a session description before each line that begins with "m=".
func splitSDP(b []byte) (head []byte, medias [][]byte) {
	next := func(b []byte) int { // where the next "m=" line begins, or the end
		if i := bytes.Index(b, []byte("\nm=")); i >= 0 {
			return i + 1
		}
		return len(b)
	}
	i := next(b)
	head, b = b[:i], b[i:]
	for len(b) > 0 {
		i := next(b)
		medias = append(medias, b[:i])
		b = b[i:]
	}
	return head, medias
}
