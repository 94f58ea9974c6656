package access_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
	"hearth/storage/keyring"
)

// sealed is an Access whose box's key is at hand.
func sealed(t testing.TB) (*access.Access, *box.Box) {
	t.Helper()
	b := accesstest.Box(t)
	k, err := keyring.Open(t.TempDir(), b)
	must(t, err)
	a, err := access.Open(b, access.WithHash(accesstest.Hash()), access.WithSealer(k))
	must(t, err)
	return a, b
}

// enrol gives somebody an authenticator, with its secret and the recovery codes. The clock has moved on to where the
// first code cannot be used again when it returns.
func enrol(t testing.TB, a *access.Access, p access.Person) (secret []byte, recovery []string) {
	t.Helper()
	text, err := a.BeginTOTP(context.Background(), p, accesstest.Password, home)
	must(t, err)
	secret, err = base32.StdEncoding.DecodeString(text)
	must(t, err)
	if len(secret) != 20 {
		t.Fatalf("a secret of %d bytes", len(secret))
	}
	recovery, err = a.ConfirmTOTP(p, accesstest.Code(secret, time.Now()))
	must(t, err)
	time.Sleep(31 * time.Second) // in a bubble
	return secret, recovery
}

func try(a *access.Access, name, password, code string, from netip.Addr) (access.Session, error) {
	_, s, err := a.Login(context.Background(), access.Try{Name: name, Password: password, Code: code, From: from})
	return s, err
}

func TestTOTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := sealed(t)
		ada := accesstest.Person(t, a, "Ada", access.Owner)
		bo := accesstest.Person(t, a, "Bo", access.Adult)
		if _, err := a.BeginTOTP(context.Background(), ada, "wrong", home); !errors.Is(err, access.ErrWrongLogin) {
			t.Errorf("begun without the password: %v", err)
		}
		if _, err := a.ConfirmTOTP(ada, "000000"); !errors.Is(err, access.ErrNoTOTP) {
			t.Errorf("confirmed what was not begun: %v", err)
		}
		// What is begun does not count: nobody is locked out by a QR code that they never read.
		text, err := a.BeginTOTP(context.Background(), ada, accesstest.Password, home)
		must(t, err)
		if _, err := a.ConfirmTOTP(ada, "12345"); !errors.Is(err, access.ErrWrongCode) {
			t.Errorf("a wrong first code: %v", err)
		}
		if s, err := try(a, "Ada", accesstest.Password, "", home); err != nil || s.Way != access.ByPassword {
			t.Errorf("begun only: %v, %v", s.Way, err)
		}
		time.Sleep(16 * time.Minute)
		old, err := base32.StdEncoding.DecodeString(text)
		must(t, err)
		if _, err := a.ConfirmTOTP(ada, accesstest.Code(old, time.Now())); !errors.Is(err, access.ErrNoTOTP) {
			t.Errorf("confirmed a quarter of an hour later: %v", err)
		}

		secret, recovery := enrol(t, a, ada)
		if f, err := a.Factors(ada.ID); err != nil || !f.TOTP || f.RecoveryCodes != 10 || f.Since.IsZero() {
			t.Errorf("%+v, %v", f, err)
		}
		if _, err := a.BeginTOTP(context.Background(), ada, accesstest.Password, home); !errors.Is(err, access.ErrHasTOTP) {
			t.Errorf("another over it: %v", err)
		}
		raw, err := os.ReadFile(b.Path())
		must(t, err)
		for _, s := range append([]string{string(secret), base32.StdEncoding.EncodeToString(secret), text},
			append(recovery, strings.ReplaceAll(recovery[0], "-", ""))...) {
			if bytes.Contains(raw, []byte(s)) {
				t.Errorf("%q lies in hearth.db in the clear", s)
			}
		}

		code := func(off time.Duration) string { return accesstest.Code(secret, time.Now().Add(off)) }
		said := func(s string) func() string { return func() string { return s } }
		at := func(off time.Duration) func() string { return func() string { return code(off) } }
		for name, c := range map[string]struct {
			password string
			code     func() string // when it is typed
			want     error
		}{
			"no code":                            {accesstest.Password, said(""), access.ErrCodeNeeded},
			"blanks for a code":                  {accesstest.Password, said(" - "), access.ErrCodeNeeded},
			"wrong password without a code":      {"wrong", said(""), access.ErrWrongLogin},
			"wrong password with a right code":   {"wrong", at(0), access.ErrWrongLogin},
			"the code of long ago":               {accesstest.Password, at(-2 * time.Minute), access.ErrWrongCode},
			"a code of the future":               {accesstest.Password, at(2 * time.Minute), access.ErrWrongCode},
			"half a code":                        {accesstest.Password, func() string { return code(0)[:3] }, access.ErrWrongCode},
			"a recovery code that nobody made":   {accesstest.Password, said("aaaa-aaaa-aaaa-aaaa"), access.ErrWrongCode},
			"a recovery code with one letter on": {accesstest.Password, said(recovery[0] + "a"), access.ErrWrongCode},
		} {
			if _, err := try(a, "Ada", c.password, c.code(), home); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
			time.Sleep(31 * time.Second)
		}
		// Each code once, also written as apps show it; and none from before it.
		now, before := code(0), code(-30*time.Second)
		if s, err := try(a, "Ada", accesstest.Password, now[:3]+" "+now[3:], home); err != nil || s.Way != access.ByCode {
			t.Errorf("the right code: %v, %v", s.Way, err)
		}
		for name, c := range map[string]string{"the same code": now, "the one before": before} {
			if _, err := try(a, "Ada", accesstest.Password, c, home); !errors.Is(err, access.ErrWrongCode) {
				t.Errorf("%s again: %v", name, err)
			}
		}
		time.Sleep(31 * time.Second)
		for name, off := range map[string]time.Duration{"a phone behind": -30 * time.Second, "a phone ahead": 30 * time.Second} {
			time.Sleep(2 * time.Minute)
			if _, err := try(a, "Ada", accesstest.Password, code(off), home); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		// Others log in as before.
		if s, err := try(a, "Bo", accesstest.Password, "", home); err != nil || s.Person != bo {
			t.Errorf("Bo: %v", err)
		}

		// A recovery code once.
		s, err := try(a, "Ada", accesstest.Password, strings.ToUpper(recovery[3]), home)
		if err != nil || s.Way != access.ByRecovery {
			t.Errorf("%v, %v", s.Way, err)
		}
		if _, err := try(a, "Ada", accesstest.Password, recovery[3], home); !errors.Is(err, access.ErrWrongCode) {
			t.Errorf("a recovery code twice: %v", err)
		}
		if f, _ := a.Factors(ada.ID); f.RecoveryCodes != 9 {
			t.Errorf("%d left", f.RecoveryCodes)
		}
		time.Sleep(time.Minute)
		fresh, err := a.NewRecoveryCodes(context.Background(), ada, accesstest.Password, code(0), home)
		if err != nil || len(fresh) != 10 {
			t.Fatalf("%d, %v", len(fresh), err)
		}
		if _, err := try(a, "Ada", accesstest.Password, recovery[4], home); !errors.Is(err, access.ErrWrongCode) {
			t.Errorf("an old recovery code: %v", err)
		}

		// Removing takes both.
		time.Sleep(time.Minute)
		for name, c := range map[string]struct {
			password, code string
			want           error
		}{
			"no code":        {accesstest.Password, "", access.ErrCodeNeeded},
			"wrong password": {"wrong", code(0), access.ErrWrongLogin},
			"wrong code":     {accesstest.Password, "aaaaaa", access.ErrWrongCode},
		} {
			if err := a.RemoveTOTP(context.Background(), ada, c.password, c.code, home); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		must(t, a.RemoveTOTP(context.Background(), ada, accesstest.Password, fresh[0], home))
		if s, err := try(a, "Ada", accesstest.Password, "", home); err != nil || s.Way != access.ByPassword {
			t.Errorf("removed: %v, %v", s.Way, err)
		}
		if err := a.RemoveTOTP(context.Background(), ada, accesstest.Password, "", home); !errors.Is(err, access.ErrNoTOTP) {
			t.Errorf("removed twice: %v", err)
		}
	})
}

// A clock that was years ahead when a code was taken does not lock anybody out once it is right.
func TestTOTPAfterTheClockWasAhead(t *testing.T) {
	a, _ := sealed(t)
	ada := accesstest.Person(t, a, "Ada", access.Owner)
	var secret []byte
	synctest.Test(t, func(t *testing.T) { // begins in the year 2000
		time.Sleep(20 * 365 * 24 * time.Hour)
		secret, _ = enrol(t, a, ada)
		if _, err := try(a, "Ada", accesstest.Password, accesstest.Code(secret, time.Now()), home); err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := accesstest.Code(secret, time.Now())
		if _, err := try(a, "Ada", accesstest.Password, c, home); err != nil {
			t.Errorf("the clock is right again: %v", err)
		}
		if _, err := try(a, "Ada", accesstest.Password, c, home); !errors.Is(err, access.ErrWrongCode) {
			t.Errorf("twice: %v", err)
		}
	})
}

// An owner takes away what somebody lost; who is removed takes theirs along; and another box's key opens nothing.
func TestFactorsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := sealed(t)
		ada := accesstest.Person(t, a, "Ada", access.Owner)
		bo := accesstest.Person(t, a, "Bo", access.Owner)
		secret, _ := enrol(t, a, bo)
		bare, err := access.Open(b, access.WithHash(accesstest.Hash()))
		must(t, err)
		if _, err := try(bare, "Bo", accesstest.Password, accesstest.Code(secret, time.Now()), home); err == nil {
			t.Error("a code was taken without the box's key")
		}
		if _, err := try(a, "Ada", accesstest.Password, "", home); err != nil {
			t.Error(err)
		}
		must(t, bare.RemoveFactors(bo.ID)) // as the command on the box does
		if _, err := try(a, "Bo", accesstest.Password, "", home); err != nil {
			t.Errorf("taken away: %v", err)
		}
		enrol(t, a, bo)
		must(t, a.RemovePerson(bo.ID))
		if f, err := a.Factors(bo.ID); err != nil || f.TOTP {
			t.Errorf("of somebody who is gone: %+v, %v", f, err)
		}
		if err := a.RemoveFactors(bo.ID); !errors.Is(err, access.ErrNoPerson) {
			t.Error(err)
		}
		_ = ada
	})
}

// Wrong codes are limited per address like passwords; from elsewhere also over all addresses together; and nothing that
// is done elsewhere makes the owner wait at home.
func TestRateLimitOfCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := sealed(t)
		ada := accesstest.Person(t, a, "Ada", access.Owner)
		secret, _ := enrol(t, a, ada)
		guess := func(from func(i int) netip.Addr, until time.Duration) (looked int, longest time.Duration) {
			end := time.Now().Add(until)
			for i := 0; time.Now().Before(end); i++ {
				_, err := try(a, "Ada", accesstest.Password, "aaaaaa", from(i))
				var busy *access.BusyError
				switch {
				case errors.As(err, &busy):
					longest = max(longest, busy.RetryAfter)
					time.Sleep(min(busy.RetryAfter, time.Until(end)+1))
				case errors.Is(err, access.ErrWrongCode):
					if looked++; looked > 2000 {
						t.Fatal("there is no limit")
					}
				default:
					t.Fatal(err)
				}
			}
			return looked, longest
		}
		day := 24 * time.Hour
		many := func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("203.0.%d.%d", i/250%250, i%250)) }
		if looked, longest := guess(many, day); looked > 130 || longest != 15*time.Minute {
			t.Errorf("%d codes guessed in a day from many addresses, longest wait %v", looked, longest)
		}
		if _, err := try(a, "Ada", accesstest.Password, "", home); !errors.Is(err, access.ErrCodeNeeded) {
			t.Errorf("at home, the password: %v", err)
		}
		if _, err := try(a, "Ada", accesstest.Password, accesstest.Code(secret, time.Now()), home); err != nil {
			t.Errorf("at home, the code: %v", err)
		}
		time.Sleep(time.Minute)
		if looked, longest := guess(func(int) netip.Addr { return home }, time.Hour); looked > 140 || longest != 30*time.Second {
			t.Errorf("%d codes guessed in an hour at home, longest wait %v", looked, longest)
		}
		time.Sleep(30 * time.Second)
		if _, err := try(a, "Ada", accesstest.Password, accesstest.Code(secret, time.Now()), home); err != nil {
			t.Errorf("at home, after the wait: %v", err)
		}
	})
}

// Asking for the code does not use up tries, and does not take back those with a wrong one.
func TestAskingForTheCodeIsNoTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := sealed(t)
		ada := accesstest.Person(t, a, "Ada", access.Owner)
		enrol(t, a, ada)
		for range 50 {
			if _, err := try(a, "Ada", accesstest.Password, "", away); !errors.Is(err, access.ErrCodeNeeded) {
				t.Fatal(err)
			}
		}
		wrong := 0
		for range 50 {
			if _, err := try(a, "Ada", accesstest.Password, "aaaaaa", away); errors.Is(err, access.ErrWrongCode) {
				wrong++
			}
			_, _ = try(a, "Ada", accesstest.Password, "", away)
		}
		if wrong > 6 {
			t.Errorf("%d wrong codes in no time", wrong)
		}
	})
}

// One's own password is changed with the one before, and the session that did it goes on as another.
func TestChangeOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := sealed(t)
		ada := accesstest.Person(t, a, "Ada", access.Owner)
		secret, _ := enrol(t, a, ada)
		s, err := try(a, "Ada", accesstest.Password, accesstest.Code(secret, time.Now()), home)
		must(t, err)
		other := "another password"
		change := access.Change{Password: &other}
		if _, _, _, err := a.ChangeOwn(context.Background(), s, "wrong", change, home, ""); !errors.Is(err, access.ErrWrongLogin) {
			t.Errorf("%v", err)
		}
		must(t, a.StillOpen(s))
		_, token, again, err := a.ChangeOwn(context.Background(), s, accesstest.Password, change, home, "")
		must(t, err)
		if got, err := a.Session(token, home); err != nil || got.ID != again.ID || got.Way != access.ByCode {
			t.Errorf("%+v, %v", got, err)
		}
		if err := a.StillOpen(s); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("the session before: %v", err)
		}
		if _, _, _, err := a.ChangeOwn(context.Background(), s, other, change, home, ""); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("with a session that has ended: %v", err)
		}
	})
}
