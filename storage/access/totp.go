package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238 as every authenticator app speaks it; HMAC does not need what SHA-1 lost
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Codes by time (RFC 6238) in the one form that every authenticator app knows: HMAC-SHA-1, six digits, 30 seconds.
const (
	totpSecret = 20 // bytes
	totpDigits = 6
	totpPeriod = 30 // seconds
	totpSkew   = 1  // how many steps a code may be early or late
)

func newTOTPSecret() []byte {
	secret := make([]byte, totpSecret)
	rand.Read(secret)
	return secret
}

// totpStep is the number of the step that a moment lies in.
func totpStep(at time.Time) int64 { return at.Unix() / totpPeriod }

// totpCode is the code of a step (RFC 4226, 5.3).
func totpCode(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1_000_000)
}

// matchTOTP gives the step that a code is of, if it is one of now or of a step beside it. All of them are compared in
// any case.
func matchTOTP(secret []byte, code string, now time.Time) (step int64, ok bool) {
	for s := totpStep(now) - totpSkew; s <= totpStep(now)+totpSkew; s++ {
		if subtle.ConstantTimeCompare([]byte(totpCode(secret, s)), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

// totpText is a secret as apps take it when it is typed.
func totpText(secret []byte) string { return base32.StdEncoding.EncodeToString(secret) }

// TOTPAddress is the otpauth URI of a secret, which an authenticator app reads from a QR code. box is what the app calls
// the place, for who has more than one.
func TOTPAddress(box, person, secret string) string {
	// Apps do not read "+" as a blank, and some take it for one.
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	return "otpauth://totp/" + escape(box) + ":" + escape(person) + "?issuer=" + escape(box) + "&secret=" + secret
}
