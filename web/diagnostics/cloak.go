package diagnostics

import (
	"cmp"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Gone stands where something was taken out.
const Gone = "«…»"

// Cloak knows what must not leave the house, and what stands in its place. Make one with NewCloak, tell it everything with
// Hide, then use it. Whatever stands between « and » is the Cloak's own, and is left as it is: a camera that somebody
// called "camera 2" cannot be taken for the second one.
type Cloak struct {
	aliases map[string]string // by what is hidden, in lower case
	known   *regexp.Regexp    // all of that, the longest first; nil: to be made
}

// NewCloak makes one that knows no names yet, only how addresses, keys and paths look.
func NewCloak() *Cloak { return &Cloak{aliases: make(map[string]string)} }

// Hide has alias, which stands between « and », stand for a text from now on, whatever its case and as it looks in an
// address too. The first alias of a text stays. A text of one letter is no name that could be found again in a sentence, and
// that the program is called Hearth everybody knows.
func (c *Cloak) Hide(text, alias string) {
	text = bare(strings.TrimSpace(text))
	if strings.EqualFold(text, "hearth") {
		return
	}
	for _, form := range []string{text, url.PathEscape(text), url.QueryEscape(text)} {
		key := strings.ToLower(form)
		if _, ok := c.aliases[key]; ok || utf8.RuneCountInString(text) < 2 {
			continue
		}
		c.aliases[key] = alias
		c.known = nil
	}
}

// HidePerson hides a name and its parts.
func (c *Cloak) HidePerson(name string) {
	c.Hide(name, "«person»")
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if utf8.RuneCountInString(part) > 2 {
			c.Hide(part, "«person»")
		}
	}
}

// HideAddress hides a camera's address: its host and its path.
func (c *Cloak) HideAddress(address string) {
	c.Hide(address, "«address»")
	u, err := url.Parse(address)
	if err != nil {
		return
	}
	host := u.Hostname()
	c.Hide(host, "«host»")
	if _, err := netip.ParseAddr(host); err != nil {
		first, _, _ := strings.Cut(host, ".")
		c.Hide(first, "«host»")
	}
	for _, path := range []string{u.RequestURI(), u.Path} {
		if len(path) > 1 {
			c.Hide(path, "«path»")
			if bare := strings.TrimPrefix(path, "/"); strings.ContainsAny(bare, "/?=") { // else it may be a word as "live"
				c.Hide(bare, "«path»")
			}
		}
	}
}

// Alias is what stands for a text that is a name as a whole: its alias, or otherwise when nobody said one.
func (c *Cloak) Alias(text, otherwise string) string {
	if a, ok := c.aliases[strings.ToLower(bare(strings.TrimSpace(text)))]; ok {
		return a
	}
	return otherwise
}

// What a text that somebody else may have had a hand in is searched for, in this order. Each leaves aliases alone.
const alias = `«[^»\n]*»|`

var (
	quoted    = regexp.MustCompile(alias + `"[^"\n]*"|“[^”\n]*”|` + "`[^`\n]*`")
	addresses = regexp.MustCompile(alias + `(?i)[a-z][a-z0-9+.-]*://\S+`)
	userinfo  = regexp.MustCompile(alias + `\S+:\S*@\S+|\S+@\S+`)
	dataPath  = regexp.MustCompile(alias + `<data>[/\\](?:«[^»\n]*»|[^:,;«])*`)
	paths     = regexp.MustCompile(alias + `(?:^|[\s(=])[/\\](?:«[^»\n]*»|[^:,;«])*`) // names of files have spaces
	macs      = regexp.MustCompile(alias + `(?i)\b[0-9a-f]{1,2}(?:[:-][0-9a-f]{1,2}){5}\b`)
	uuids     = regexp.MustCompile(alias + `(?i)\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b`)
	ipv4      = regexp.MustCompile(alias + `\b\d{1,3}(?:\.\d{1,3}){3}\b(?::\d+)?`)
	ipv6      = regexp.MustCompile(alias + `\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[0-9A-Za-z]+)?\]?(?::\d+)?`)
	lookups   = regexp.MustCompile(alias + `\blookup \S+`)
	slashed   = regexp.MustCompile(alias + `[^\s<>]*[/\\][^\s<>]*`)
	dotted    = regexp.MustCompile(alias + `[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*\.[\p{L}][\p{L}\p{N}_-]+`)
	longKeys  = regexp.MustCompile(alias + `[A-Za-z0-9_+=-]{20,}|\b(?:[0-9a-fA-F]{2}){8,}\b`)
)

// Of Hearth's own, and common in its sentences.
var ownNames = map[string]bool{
	"hearth.db": true, "index.db": true, "box.key": true, "RTSP/1.0": true, "TLS/SSL": true, "I/O": true, "i/o": true, "and/or": true,
}

// ownPart is a part of a path in the data folder that Hearth itself named.
var ownPart = regexp.MustCompile(`^(media|tls|main|sub|pack|keys|hearth\.db|index\.db|[0-9][0-9TZ._:-]*(\.[a-z0-9]{1,6})?|«[^»]*»)$`)

// Text gives a text of which anything may be part (a message of the system, a sentence about a camera), in one line: all
// that is known is hidden, and all that looks as if it named something. What stands in quotes is somebody else's word.
func (c *Cloak) Text(s string) string {
	s = strings.Join(strings.FieldsFunc(bare(s), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	s = c.names(s)
	s = each(quoted, s, func(q string) string {
		inner := strings.Trim(q, "\"`“”")
		if strings.HasPrefix(inner, "«") && strings.Index(inner, "»") == len(inner)-len("»") {
			return inner
		}
		return Gone
	})
	s = replace(addresses, s, "«address»")
	s = replace(userinfo, s, "«address»")
	s = each(dataPath, s, func(p string) string {
		parts := strings.Split(p, "/")
		for i := range parts {
			if i > 0 && !ownPart.MatchString(parts[i]) {
				parts[i] = Gone
			}
		}
		return "«" + strings.NewReplacer("«", "", "»", "").Replace(strings.Join(parts, "/")) + "»"
	})
	s = each(paths, s, func(p string) string {
		if strings.HasPrefix(p, "/") || strings.HasPrefix(p, `\\`) {
			return Gone
		}
		return p[:1] + Gone
	})
	s = c.numbers(s)
	s = replace(lookups, s, "lookup «host»")
	own := func(p string) string {
		if ownNames[strings.Trim(p, ".,:;()")] {
			return p
		}
		return Gone
	}
	s = each(slashed, s, own)
	s = each(dotted, s, own)
	return replace(longKeys, s, Gone)
}

// Last goes over a whole file: every name that is known and every address is hidden once more, wherever it came from.
func (c *Cloak) Last(s string) string {
	return c.numbers(replace(addresses, c.names(s), "«address»"))
}

// numbers hides addresses and identities that are numbers.
func (c *Cloak) numbers(s string) string {
	s = replace(uuids, s, "«id»")
	s = replace(macs, s, "«mac»")
	s = replace(ipv4, s, "«address»")
	return each(ipv6, s, func(m string) string {
		text := strings.TrimRight(m, ":.")
		host, _, _ := strings.Cut(strings.TrimPrefix(text, "["), "]") // a port goes with its address
		if _, err := netip.ParseAddr(host); err != nil || !strings.Contains(host, ":") {
			return m
		}
		return "«address»" + m[len(text):]
	})
}

// names hides what is known, where it stands as a word of its own.
func (c *Cloak) names(s string) string {
	known := c.pattern()
	var out strings.Builder
	for at := 0; at < len(s); {
		m := known.FindStringIndex(s[at:])
		if m == nil {
			out.WriteString(s[at:])
			break
		}
		from, to := at+m[0], at+m[1]
		out.WriteString(s[at:from])
		found := s[from:to]
		a, ok := c.aliases[strings.ToLower(found)]
		switch {
		case strings.HasPrefix(found, "«"):
			out.WriteString(found)
		case ok && apart(s, from, to):
			out.WriteString(a)
		default: // within another word: what begins one letter on may be a name
			_, n := utf8.DecodeRuneInString(found)
			to = from + n
			out.WriteString(s[from:to])
		}
		at = to
	}
	return out.String()
}

// apart says whether what stands from..to has no letter or digit of the same word on either side.
func apart(s string, from, to int) bool {
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	first, _ := utf8.DecodeRuneInString(s[from:])
	last, _ := utf8.DecodeLastRuneInString(s[:to])
	before, _ := utf8.DecodeLastRuneInString(s[:from])
	after, _ := utf8.DecodeRuneInString(s[to:])
	return !(word(first) && word(before)) && !(word(last) && word(after))
}

func (c *Cloak) pattern() *regexp.Regexp {
	if c.known != nil {
		return c.known
	}
	texts := make([]string, 0, len(c.aliases))
	for t := range c.aliases {
		texts = append(texts, t)
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for i := range texts {
		texts[i] = regexp.QuoteMeta(texts[i])
	}
	c.known = regexp.MustCompile(`(?i)` + strings.Join(append([]string{`«[^»\n]*»`}, texts...), "|"))
	return c.known
}

// bare makes room for the Cloak's own marks.
func bare(s string) string {
	return strings.NewReplacer("«", "‹", "»", "›").Replace(strings.ToValidUTF8(s, "?"))
}

// each replaces what a pattern finds, but for aliases.
func each(p *regexp.Regexp, s string, by func(string) string) string {
	return p.ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "«") {
			return m
		}
		return by(m)
	})
}

func replace(p *regexp.Regexp, s, by string) string {
	return each(p, s, func(string) string { return by })
}
