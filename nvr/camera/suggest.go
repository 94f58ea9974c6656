package camera

import (
	"net/url"
	"regexp"
	"strings"
)

// subRules lead from the path and query of a main stream to those of the sub stream, for makes that name both in the
// same manner. The names are from the makers' manuals.
func subRules() []struct{ main, sub string } {
	return []struct{ main, sub string }{
		{`(?i)^(/Streaming/Channels/\d+)01\b`, `${1}02`},       // Hikvision, and those who buy there
		{`(?i)^(/ISAPI/Streaming/Channels/\d+)01\b`, `${1}02`}, // the same
		{`(?i)^(/h26[45]/ch\d+)/main/`, `${1}/sub/`},           // older Hikvision
		{`(?i)^(/cam/realmonitor\?.*subtype=)0\b`, `${1}1`},    // Dahua, Amcrest
		{`(?i)^(/h26[45]Preview_\d+)_main\b`, `${1}_sub`},      // Reolink
		{`(?i)^(/Preview_\d+)_main\b`, `${1}_sub`},             // Reolink, newer
		{`(?i)^(/stream)1\b`, `${1}2`},                         // TP-Link Tapo, and many others
		{`(?i)^(/videoMain)\b`, `/videoSub`},                   // Foscam
		{`(?i)^(/media/video)1\b`, `${1}2`},                    // Uniview
		{`(?i)^(/unicast/c\d+/s)0(/live)\b`, `${1}1${2}`},      // Uniview recorders
		{`(?i)^(/live/ch\d*)0\b`, `${1}1`},                     // Wyze bridge and kin
		{`(?i)^(/live)/main\b`, `${1}/sub`},
	}
}

// subCandidates gives addresses where the sub stream of a camera may be, the likeliest first, three at most. Hearth's
// own simulated cameras have it at the same path and "/sub".
func subCandidates(clean string) []string {
	u, err := url.Parse(clean)
	if err != nil {
		return nil
	}
	origin := u.Scheme + "://" + u.Host
	path := strings.TrimPrefix(clean, origin)
	var out []string
	for _, r := range subRules() {
		re := regexp.MustCompile(r.main)
		if re.MatchString(path) {
			out = append(out, origin+re.ReplaceAllString(path, r.sub))
		}
	}
	if len(out) == 0 && !strings.HasSuffix(u.Path, "/sub") {
		v := *u
		v.Path = strings.TrimSuffix(u.Path, "/") + "/sub"
		v.RawPath = ""
		out = append(out, v.String())
	}
	return out[:min(len(out), 3)]
}
