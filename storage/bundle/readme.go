package bundle

import (
	"encoding/pem"
	"fmt"
	"strings"
	"time"
)

// readme is the letter to whoever receives a bundle.
func readme(m *Manifest) []byte {
	var b strings.Builder
	say := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	say("FOOTAGE OF A SECURITY CAMERA, SIGNED")
	say("")
	say("Camera     %s (%s, %s stream)", plain(m.Camera.Name), m.Camera.ID, m.Camera.Stream)
	say("From       %s", stamp(m.Contained().From))
	say("To         %s", stamp(m.Contained().To))
	say("Asked for  %s", stamp(m.Asked.From))
	say("to         %s", stamp(m.Asked.To))
	say("Made       %s by %s", stamp(m.Made.At), plain(m.Made.By))
	say("Recorder   %s", plain(m.Box.Name))
	say("Its key    %s", m.Box.Fingerprint)
	say("")
	say("All times are UTC.")
	say("")
	if len(m.Gaps) > 0 {
		say("What was asked for has gaps:")
		for _, g := range m.Gaps {
			say("  %s to %s: %s", stamp(g.From), stamp(g.To), plain(g.Reason))
		}
	} else {
		say("What was asked for has no gaps.")
	}
	for _, r := range m.Runs {
		if !r.Trusted {
			say("The recorder did not know the time for sure when the recording of %s began.", stamp(r.From))
		}
	}
	if m.Beneath > 0 {
		say("Where a time was recorded several times, the latest %d recordings are left out.", m.Beneath)
	}
	for _, s := range m.Steps {
		say("The recorder's clock was set from %s to %s.", stamp(s.From), stamp(s.To))
	}
	say("")
	say("WHAT IS IN HERE")
	say("")
	for _, f := range m.Films {
		say("%s: %s to %s. Any player plays it.", f.Name, stamp(f.From), stamp(f.To))
	}
	if len(m.Films) > 1 {
		say("There are %d of them because the camera's settings changed in between.", len(m.Films))
	}
	say("The pictures are as the camera sent them: nothing was coded anew.")
	say("%s says of every second where it lies in the film, and its SHA-256.", manifestName)
	say("%s is the recorder's signature over that (Ed25519).", signatureName)
	say("Keep the archive as you received it; it is what can be verified.")
	say("")
	say("HOW TO VERIFY IT")
	say("")
	say("With Hearth, on any computer, without the recorder:")
	say("")
	say("    hearth verify --key %s ARCHIVE.zip", m.Box.Fingerprint)
	say("")
	say("Anybody can make such an archive with a key of their own. So ask the owner of the")
	say("recorder for its fingerprint, and not by way of this file: the recorder shows it on its")
	say("page, under Storage. It has to be the one above.")
	say("")
	say("Without Hearth, with OpenSSL 3 or newer, in the unpacked folder:")
	say("")
	say("    (echo \"%s\"; openssl dgst -sha256 -binary %s) > signed", Format, manifestName)
	say("    openssl pkeyutl -verify -pubin -inkey %s -rawin -in signed -sigfile %s", readmeName, signatureName)
	say("    openssl pkey -pubin -in %s -outform DER | openssl dgst -sha256", readmeName)
	for _, f := range m.Films {
		say("    openssl dgst -sha256 %s", f.Name)
	}
	say("")
	say("The second line has to say that the signature was verified. What the third prints has to")
	say("begin with the digits of the fingerprint, and be the same key as public_key in")
	say("%s. The last has to be the sha256 that %s gives for the film.", manifestName, manifestName)
	say("")
	say("The recorder's public key:")
	say("")
	b.Write(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: m.Box.PublicKey}))
	return []byte(b.String())
}

// stamp is a time as people read it, to the millisecond, UTC.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

// plain keeps what people typed to one line, and from being taken for a key.
func plain(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "-----", "- - -")
}
