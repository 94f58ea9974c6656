package camera

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
)

// Reasons for the end of a run, as they show on the timeline.
const (
	reasonStopped = "stopped"
	reasonLost    = "connection lost"
	reasonStall   = "no picture for 10 s"
	reasonNoKey   = "no key frame"
	reasonClock   = "camera clock jumped"
	reasonBoxTime = "the clock was set"
	reasonTrusted = "the time is known now"
	reasonSize    = "picture size changed"
	reasonParams  = "parameters changed"
	reasonPackets = "packets lost"
	reasonSound   = "sound began"
	reasonSilence = "sound ended"
	reasonOther   = "it was another camera" // no run ends with it: none begins then
)

func reasonFor(err error) string {
	switch {
	case errors.Is(err, ErrNoPicture):
		return reasonStall
	case errors.Is(err, ErrNoKeyFrame):
		return reasonNoKey
	}
	return reasonLost
}

// problem makes an error into one that the owner can read. What the other end or a library said goes into Detail,
// scrubbed.
func (s *session) problem(err error) error {
	var p *Problem
	// That it was another camera says more than how the connection ended because of that.
	if wrong := s.who.against(); wrong != nil {
		err = wrong
	} else if s.current() != nil && s.stage == "describe" {
		if wrong := s.who.broke(); wrong != nil {
			err = wrong
		}
	}
	if errors.As(err, &p) {
		return err
	}
	at := s.url.Host
	kind, sentence := s.classify(err, at)
	return &Problem{Kind: kind, Sentence: sentence, Detail: s.scrubber.clean(s.stage + ": " + err.Error())}
}

func (s *session) classify(err error, at string) (kind error, sentence string) {
	var status liberrors.ErrClientBadStatusCode
	var header tls.RecordHeaderError
	var dns *net.DNSError
	switch {
	case errors.Is(err, ErrNoPicture), errors.Is(err, liberrors.ErrClientTCPTimeout{}), errors.Is(err, liberrors.ErrClientUDPTimeout{}):
		return ErrNoPicture, fmt.Sprintf("The camera at %s is connected but sends no picture. Hearth connects again by itself; if that does not help, restart the camera.", at)
	case errors.Is(err, ErrNoKeyFrame):
		return ErrNoKeyFrame, fmt.Sprintf("The camera at %s sends no key frame. Set a key frame interval (I-frame interval, GOP) of 1 to 4 seconds in the camera.", at)
	case errors.Is(err, ErrRedirected):
		return ErrRedirected, fmt.Sprintf("The camera at %s sends us on to another address. Enter that address itself.", at)
	case errors.As(err, &status):
		return statusProblem(status, at)
	case errors.Is(err, errForeign):
		return ErrNotRTSP, s.foreign(at)
	case errors.As(err, &header):
		return ErrNotRTSP, fmt.Sprintf("What answers at %s does not speak rtsps. Try the address with rtsp:// in front.", at)
	case errors.As(err, &dns):
		return ErrUnreachable, fmt.Sprintf("Nobody knows the name %s. Check the address, or use the camera's number, like 192.168.1.20.", s.url.Hostname())
	case errors.Is(err, syscall.ECONNREFUSED):
		return ErrUnreachable, fmt.Sprintf("At %s nothing listens. Check the port (most cameras use 554) and that RTSP is switched on in the camera.", at)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return ErrUnreachable, fmt.Sprintf("There is no way to %s. Check that the camera has power and is in the same network.", at)
	case s.current() == nil && (isTimeout(err) || errors.Is(err, context.DeadlineExceeded)):
		return ErrUnreachable, fmt.Sprintf("The camera at %s does not answer. Check that it has power and that the address is right.", at)
	case errors.As(err, new(liberrors.ErrClientAuthSetup)):
		return ErrWrongPassword, fmt.Sprintf("The camera at %s asks for a kind of password check that Hearth does not know. Set it to Digest in the camera.", at)
	}
	if c := s.current(); c != nil && s.stage == "describe" {
		switch opening := c.opened(); {
		case opening == "" && s.url.Scheme == "rtsps":
			return ErrNotRTSP, fmt.Sprintf("What answers at %s does not speak rtsps. Try the address with rtsp:// in front, and check the port.", at)
		case opening == "":
			return ErrNotRTSP, fmt.Sprintf("What answers at %s accepts the connection but stays silent. Check the port (most cameras use 554); if it is right, restart the camera.", at)
		case s.url.Scheme == "rtsp" && !strings.HasPrefix(opening, "RTSP/"):
			return ErrNotRTSP, s.foreign(at)
		}
		if isTimeout(err) || isTimedOut(err) || errors.Is(err, errHandshakeTimeout) {
			return ErrNotRTSP, fmt.Sprintf("What answers at %s does not get to the end of its answers. Restart the camera.", at)
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return ErrConnectionLost, fmt.Sprintf("The camera at %s closed the connection. Hearth connects again by itself.", at)
	}
	if isTimeout(err) || isTimedOut(err) || errors.Is(err, errHandshakeTimeout) {
		return ErrConnectionLost, fmt.Sprintf("The camera at %s stopped answering. Hearth connects again by itself.", at)
	}
	if errors.Is(err, ErrNoVideo) || errors.Is(err, ErrUnsupportedCodec) {
		return ErrUnsupportedCodec, fmt.Sprintf("The camera at %s offers no video that Hearth can read.", at)
	}
	return ErrProtocol, fmt.Sprintf("The camera at %s answers in a way that Hearth does not understand.", at)
}

// statusProblem words an RTSP status code (RFC 2326, 7.1.1).
func statusProblem(status liberrors.ErrClientBadStatusCode, at string) (kind error, sentence string) {
	switch status.Code {
	case base.StatusUnauthorized:
		return ErrWrongPassword, fmt.Sprintf("The camera at %s does not accept the user name or the password. Enter both again; some cameras have an account of their own for RTSP or ONVIF.", at)
	case base.StatusForbidden:
		return ErrForbidden, fmt.Sprintf("The camera at %s does not let this user see the stream. Give the user the right to live view in the camera.", at)
	case base.StatusNotFound, base.StatusGone, base.StatusBadRequest:
		return ErrNotFound, fmt.Sprintf("The camera at %s has no stream under this path. Look up the RTSP path for this model, like /stream1.", at)
	case base.StatusUnsupportedTransport:
		return ErrTransport, fmt.Sprintf("The camera at %s does not send over this transport. Set the transport to automatic.", at)
	case base.StatusNotEnoughBandwidth, base.StatusServiceUnavailable:
		return ErrBusy, fmt.Sprintf("The camera at %s has too many viewers. Close other apps that watch it.", at)
	}
	return ErrProtocol, fmt.Sprintf("The camera at %s answers with error %d.", at, int(status.Code))
}

func (s *session) foreign(at string) string {
	opening := ""
	if c := s.current(); c != nil {
		opening = c.opened()
	}
	if strings.HasPrefix(opening, "HTTP/") {
		return fmt.Sprintf("At %s there is a web server, not RTSP. The port for RTSP is another one, most often 554.", at)
	}
	return fmt.Sprintf("What answers at %s does not speak RTSP. Check the port: most cameras use 554.", at)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

func isTimedOut(err error) bool { return errors.Is(err, liberrors.ErrClientRequestTimedOut{}) }

// scrubber takes credentials out of text that others wrote.
type scrubber struct{ secrets []string }

func newScrubber(u *url.Userinfo) scrubber {
	if u == nil {
		return scrubber{}
	}
	user := u.Username()
	pass, _ := u.Password()
	var s scrubber
	for _, secret := range []string{
		pass, url.QueryEscape(pass), url.PathEscape(pass), u.String(),
		base64.StdEncoding.EncodeToString([]byte(user + ":" + pass)),
	} {
		if secret != "" && secret != ":" {
			s.secrets = append(s.secrets, secret)
		}
	}
	return s
}

// clean gives text, or a placeholder if it holds a secret in any form.
func (s scrubber) clean(text string) string {
	for _, secret := range s.secrets {
		if strings.Contains(text, secret) {
			return "(withheld: the details hold the camera's password)"
		}
	}
	return text
}
