package camera

import (
	"fmt"
	"log/slog"
	"net/url"

	"github.com/bluenviron/gortsplib/v4/pkg/base"

	"hearth/nvr/media"
)

// Ways to bring packets here. The zero value of Config.Transport means TransportTCP.
const (
	TransportTCP  = "tcp"  // inside the RTSP connection: nothing gets lost
	TransportUDP  = "udp"  // datagrams: late packets are lost instead of waited for
	TransportAuto = "auto" // UDP, and TCP when no packet arrives within 3 s
)

// Config says where a camera is and how to talk to it.
type Config struct {
	ID   media.CameraID
	Name string
	// URL is the address of the main stream, rtsp:// or rtsps://. DetectURL is that of the sub stream; "" when the
	// camera has none. Name and password belong into Username and Password; where a URL still holds some, they
	// count if Username is empty.
	URL, DetectURL string
	// Username and Password may hold any character but control characters; a Username also no '"'.
	Username, Password string
	Transport          string // TransportTCP ("" too), TransportUDP or TransportAuto
	Audio              bool   // take the sound too
}

// Check says whether a camera can be tried with this configuration; its error is an ErrBadAddress with a sentence.
func (c Config) Check() error {
	if _, err := c.address(media.Main); err != nil {
		return err
	}
	if c.DetectURL != "" {
		if _, err := c.address(media.Sub); err != nil {
			return err
		}
	}
	switch c.Transport {
	case "", TransportTCP, TransportUDP, TransportAuto:
	default:
		return badAddress("The transport must be tcp, udp or auto.")
	}
	return nil
}

// String leaves out name and password, so that a Config in a log line is harmless.
func (c Config) String() string {
	return fmt.Sprintf("camera %s %q at %s", c.ID, c.Name, cleanURL(c.URL))
}

// GoString is String, for %#v.
func (c Config) GoString() string { return c.String() }

// LogValue is String, for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// address gives the URL of a stream with the credentials where gortsplib looks for them. It is built from its
// parts and not from text, because base.ParseURL rewrites percent signs when the text holds an '@'.
func (c Config) address(s media.Stream) (*base.URL, error) {
	raw := c.URL
	if s == media.Sub {
		raw = c.DetectURL
	}
	clean, user, pass, err := SplitURL(raw)
	if err != nil {
		return nil, err
	}
	if c.Username != "" || c.Password != "" {
		user, pass = c.Username, c.Password
	}
	if err := checkCredentials(user, pass); err != nil {
		return nil, err
	}
	u, err := url.Parse(clean)
	if err != nil {
		return nil, badAddress("The address cannot be read.")
	}
	if user != "" || pass != "" {
		u.User = url.UserPassword(user, pass)
	}
	return (*base.URL)(u), nil
}
