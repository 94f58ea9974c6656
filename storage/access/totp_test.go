package access

import (
	"net/url"
	"testing"
	"time"
)

// The test vectors of RFC 6238, appendix B, of which the last six digits are the code of six digits.
func TestTOTPVectors(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037",
		20000000000: "65353130",
	} {
		now := time.Unix(at, 0)
		if got := totpCode(secret, totpStep(now)); got != want[2:] {
			t.Errorf("%d: %s, want %s", at, got, want[2:])
		}
		if step, ok := matchTOTP(secret, want[2:], now.Add(30*time.Second)); !ok || step != totpStep(now) {
			t.Errorf("%d: step %d, %v", at, step, ok)
		}
		if _, ok := matchTOTP(secret, want[2:], now.Add(61*time.Second)); ok {
			t.Errorf("%d: taken two steps later", at)
		}
	}
}

func TestTOTPAddress(t *testing.T) {
	u, err := url.Parse(TOTPAddress("Our home: Öd & Co", "Ada + Bo/Cy?", "JBSWY3DPEHPK3PXP"))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Our home: Öd & Co:Ada + Bo/Cy?" {
		t.Errorf("%v, %v", u, err)
	}
	if q := u.Query(); q.Get("secret") != "JBSWY3DPEHPK3PXP" || q.Get("issuer") != "Our home: Öd & Co" {
		t.Errorf("%v", q)
	}
}
