package nvr

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"hearth/nvr/camera"
	"hearth/nvr/hardware"
	"hearth/nvr/media"
	"hearth/storage/box"
)

// CameraSettings is what an owner says about a camera. The zero value of a field that has a default takes it.
type CameraSettings struct {
	Name string
	// URL and DetectURL may carry a name and password; they are taken out, sealed, and never shown again.
	URL, DetectURL string
	Username       string
	Password       *string // nil leaves it as it was
	Transport      string  // "tcp" (default), "udp" or "auto"
	Record         string  // "continuous" (default), "motion" or "off"
	Audio          bool
	LimitBytes     int64      // 0: no limit of its own
	LimitDays      int        // 0: no limit of its own
	LimitEventDays int        // of footage around events; 0: as of all other
	Volume         media.UUID // recorded to; zero: the data folder
	Motion         media.MotionSettings
	Decoder        string // what decodes the pictures to look at: "auto" (default) or another of hardware.Choices
}

// FieldError is bad input, with the field that it is about. Its text is a sentence for the owner.
type FieldError struct {
	Field string // as in the API: "url", "name", …
	Text  string
}

func (e *FieldError) Error() string { return e.Text }

// passwordPurpose keeps a sealed camera password from being taken for another secret.
const passwordPurpose = "camera password"

// settle turns what an owner said into what is kept: checked, with defaults, its password sealed. What s leaves
// open stays as it is in before.
func (c *Cameras) settle(before box.Camera, s CameraSettings) (box.Camera, error) {
	after := before
	after.Name = strings.TrimSpace(s.Name)
	if n := utf8.RuneCountInString(after.Name); n < 1 || n > 60 || !utf8.ValidString(after.Name) {
		return box.Camera{}, &FieldError{"name", "give the camera a name of 1 to 60 characters"}
	}
	if strings.ContainsFunc(after.Name, unicode.IsControl) {
		return box.Camera{}, &FieldError{"name", "the name must not hold control characters"}
	}

	address, err := splitAddress(s)
	if err != nil {
		return box.Camera{}, err
	}
	after.URL, after.DetectURL, after.Username = address.URL, address.DetectURL, address.Username
	// Whoever may change an address could have the sealed password told to a host of their own.
	if address.Password == nil && before.Password != nil && after.Username != "" && !hosts(before).holds(hosts(after)) {
		return box.Camera{}, &FieldError{"password", "the address leads to another host now: enter the camera's password again"}
	}
	switch {
	case address.Password != nil:
		after.Password = c.Store.Keys().Seal(passwordPurpose, media.UUID(before.ID), []byte(*address.Password))
	case after.Username == "":
		after.Password = nil
	}

	if after.Transport, err = oneOf("transport", s.Transport, "tcp", "udp", "auto"); err != nil {
		return box.Camera{}, err
	}
	if after.Record, err = oneOf("record", s.Record, "continuous", "motion", "off"); err != nil {
		return box.Camera{}, err
	}
	if after.Decoder, err = oneOf("decoder", s.Decoder, hardware.Choices...); err != nil {
		return box.Camera{}, err
	}
	if after.Decoder != before.Decoder { // what worked once may be said again when it does not
		if err := c.Hardware.Check(after.Decoder); err != nil {
			return box.Camera{}, &FieldError{"decoder", err.Error()}
		}
	}
	if after.Record == "motion" && s.Motion.Off {
		return box.Camera{}, &FieldError{"record", "nothing would ever be recorded: look for motion too, or record always"}
	}
	if err := checkMotion(before.Motion, s.Motion); err != nil {
		return box.Camera{}, err
	}
	if s.LimitBytes < 0 || s.LimitDays < 0 || s.LimitEventDays < 0 {
		return box.Camera{}, &FieldError{"limits", "a limit cannot be below zero; 0 means none"}
	}
	if s.LimitEventDays > 0 && s.LimitEventDays < s.LimitDays {
		return box.Camera{}, &FieldError{"limits", "footage around events cannot be kept for a shorter time than all footage"}
	}
	if after.Volume, err = c.volumeOf(s.Volume); err != nil {
		return box.Camera{}, err
	}
	after.Audio, after.LimitBytes, after.LimitDays, after.LimitEventDays, after.Motion = s.Audio, s.LimitBytes, s.LimitDays, s.LimitEventDays, s.Motion
	return after, nil
}

// checkMotion says what about new motion settings cannot be. What an earlier Hearth took stays as it is while nobody
// changes it.
func checkMotion(before, after media.MotionSettings) error {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	var wrong *media.MotionError
	if err := after.Check(); errors.As(err, &wrong) {
		return &FieldError{"motion." + wrong.Field, wrong.Text}
	}
	return nil
}

// volumeOf checks a choice of disk. The data folder's is kept as zero.
func (c *Cameras) volumeOf(id media.UUID) (media.UUID, error) {
	for i, v := range c.Store.Volumes() {
		switch {
		case id.IsZero(), i == 0 && v.ID == id:
			return media.UUID{}, nil
		case v.ID == id:
			return id, nil
		}
	}
	return media.UUID{}, &FieldError{"volume", "there is no such disk; choose one of those under Storage"}
}

// address is where a camera is and how to get in.
type address struct {
	URL, DetectURL, Username string
	Password                 *string
}

// splitAddress takes name and password out of the addresses. What stands in the fields of their own wins.
func splitAddress(s CameraSettings) (address, error) {
	clean, user, password, err := camera.SplitURL(s.URL)
	if err != nil {
		return address{}, &FieldError{"url", err.Error()}
	}
	a := address{URL: clean, Username: s.Username, Password: s.Password}
	if a.Username == "" && user != "" {
		a.Username = user
	}
	if a.Password == nil && password != "" {
		a.Password = &password
	}
	if s.DetectURL != "" {
		if a.DetectURL, _, _, err = camera.SplitURL(s.DetectURL); err != nil {
			return address{}, &FieldError{"detect_url", err.Error()}
		}
	}
	return a, nil
}

// hostSet is where a camera's streams are asked for: hosts with their ports.
type hostSet []string

func hosts(c box.Camera) (set hostSet) {
	for _, raw := range []string{c.URL, c.DetectURL} {
		if u, err := url.Parse(raw); err == nil && raw != "" {
			set = append(set, strings.ToLower(u.Host))
		}
	}
	return set
}

func (s hostSet) holds(other hostSet) bool {
	return !slices.ContainsFunc(other, func(host string) bool { return !slices.Contains(s, host) })
}

// oneOf checks a choice; the first is the default.
func oneOf(field, value string, choices ...string) (string, error) {
	if value == "" {
		return choices[0], nil
	}
	if !slices.Contains(choices, value) {
		return "", &FieldError{field, fmt.Sprintf("%s can be %s", field, strings.Join(choices, ", "))}
	}
	return value, nil
}
