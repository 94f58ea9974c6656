package camera

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// SplitURL takes an address as an owner types or pastes it and separates name and password from it. clean is a
// valid rtsp:// or rtsps:// URL without user info; user and pass are plain text.
//
// Name and password may be percent-encoded, as a URL has it, or raw, as people paste them: then a '%' that starts
// no escape, and the characters ':', '@', '/', '?' and '#' in the password, are taken as they are where the address
// can be understood in one way only. An error is an ErrBadAddress and never repeats the address.
func SplitURL(raw string) (clean, user, pass string, err error) {
	raw = strings.TrimSpace(raw)
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !ok || (scheme != "rtsp" && scheme != "rtsps") {
		return "", "", "", badAddress("The address must begin with rtsp:// or rtsps://.")
	}
	info, rest, found := cutUserInfo(rest)
	if found {
		user, pass, _ = strings.Cut(info, ":")
		user, pass = unescape(user), unescape(pass)
	}

	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if !plausibleHost(host) {
		return "", "", "", badAddress("The address has no valid host: it should look like rtsp://192.168.1.20:554/stream1.")
	}
	// A fragment has no meaning in RTSP; some cameras have a '#' in a path.
	if strings.HasPrefix(path, "#") {
		path = "/" + path
	}
	path = strings.ReplaceAll(path, "#", "%23")
	path = strings.ReplaceAll(path, " ", "%20")
	u, perr := url.Parse(scheme + "://" + host + path)
	if perr != nil {
		return "", "", "", badAddress("The address cannot be read: after the host there is something that is no valid path.")
	}
	return u.String(), user, pass, nil
}

// cutUserInfo separates "user:pass@" from what follows "://". What stands before the first '/', '?' or '#' decides;
// only if that cannot be a host, a password with such characters in it is looked for.
func cutUserInfo(s string) (info, rest string, found bool) {
	end := strings.IndexAny(s, "/?#")
	if end < 0 {
		end = len(s)
	}
	if i := strings.LastIndexByte(s[:end], '@'); i >= 0 {
		host := s[i+1 : end]
		if plausibleHost(host) || strings.IndexByte(s[end:], '@') < 0 {
			return s[:i], s[i+1:], true
		}
	} else if plausibleHost(s[:end]) {
		return "", s, false
	}
	// The last '@' with a host after it: the host is followed by a path at most.
	for i := len(s) - 1; i > 0; i-- {
		if s[i] != '@' {
			continue
		}
		host := s[i+1:]
		if j := strings.IndexAny(host, "/?#"); j >= 0 {
			host = host[:j]
		}
		if plausibleHost(host) {
			return s[:i], s[i+1:], true
		}
	}
	return "", s, false
}

// plausibleHost says whether s looks like host, host:port, or [v6]:port.
func plausibleHost(s string) bool {
	host, port := s, ""
	switch {
	case strings.HasPrefix(s, "["):
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return false
		}
		host, port = s[1:i], s[i+1:]
		if address, _, _ := strings.Cut(host, "%"); net.ParseIP(address) == nil {
			return false
		}
		if port == "" {
			return true
		}
		if port[0] != ':' {
			return false
		}
		return validPort(port[1:])
	case strings.Contains(s, ":"):
		host, port, _ = strings.Cut(s, ":")
		if !validPort(port) {
			return false
		}
	}
	if host == "" || len(host) > 253 {
		return false
	}
	for _, r := range host {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_', r > 0x7f:
		default:
			return false
		}
	}
	return true
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// unescape decodes percent escapes; text with a '%' that starts none was not encoded and stays as it is.
func unescape(s string) string {
	if t, err := url.PathUnescape(s); err == nil {
		return t
	}
	return s
}

// checkCredentials refuses what no Authorization header can carry.
func checkCredentials(user, pass string) error {
	if hasControl(user) || strings.ContainsRune(user, '"') {
		return badAddress(`The user name must not hold '"' or control characters.`)
	}
	if hasControl(pass) {
		return badAddress("The password must not hold control characters.")
	}
	return nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// cleanURL is raw without credentials, or a placeholder if it cannot be read.
func cleanURL(raw string) string {
	clean, _, _, err := SplitURL(raw)
	if err != nil {
		return "(unreadable address)"
	}
	return clean
}
