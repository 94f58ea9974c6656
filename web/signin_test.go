package web

import (
	"bytes"
	"encoding/base32"
	"encoding/xml"
	"os"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
)

// newTOTP begins to add an authenticator and gives its secret.
func (c *client) newTOTP() []byte {
	c.t.Helper()
	var begun struct {
		Secret, URI string
		QR          string `json:"qr_svg"`
	}
	c.ok("POST", "/me/totp", map[string]string{"password": password}, &begun)
	secret, err := base32.StdEncoding.DecodeString(begun.Secret)
	must(c.t, err)
	if !strings.HasPrefix(begun.URI, "otpauth://totp/") || !strings.Contains(begun.URI, "secret="+begun.Secret) {
		c.t.Errorf("URI %s", begun.URI)
	}
	if err := xml.Unmarshal([]byte(begun.QR), new(struct{ XMLName xml.Name })); err != nil || !strings.HasPrefix(begun.QR, "<svg ") {
		c.t.Errorf("no SVG: %v", err)
	}
	return secret
}

// codes gives codes of a secret that are good now one after the other, as long as the bounds of their steps allow: the
// step before, the one of now and the next.
func codes(secret []byte) func() string {
	off := -30 * time.Second
	return func() string {
		c := accesstest.Code(secret, time.Now().Add(off))
		off += 30 * time.Second
		return c
	}
}

func TestSecondFactor(t *testing.T) {
	h := build(t, nil)
	bo, id := h.as("Bo", access.Adult)
	login := func(totp string) map[string]string {
		return map[string]string{"name": "Bo", "password": password, "totp": totp}
	}
	signin := func() (v signinView) {
		t.Helper()
		bo.ok("GET", "/me/signin", nil, &v)
		return v
	}
	if p := bo.refused(422, "POST", "/me/totp", map[string]string{"password": "guess"}); p.field() != "body.password" {
		t.Errorf("%+v", p)
	}
	bo.refused(409, "POST", "/me/totp/confirm", map[string]string{"code": "000000"})
	secret := bo.newTOTP()
	if p := bo.refused(422, "POST", "/me/totp/confirm", map[string]string{"code": "none"}); p.field() != "body.code" {
		t.Errorf("%+v", p)
	}
	if signin().TOTP != nil {
		t.Error("it counts before its first code")
	}
	next := codes(secret)
	var made struct {
		Codes []string `json:"recovery_codes"`
	}
	bo.ok("POST", "/me/totp/confirm", map[string]string{"code": next()}, &made)
	if v := signin(); v.TOTP == nil || v.TOTP.RecoveryCodes != 10 || len(made.Codes) != 10 {
		t.Errorf("%+v, %d codes", v.TOTP, len(made.Codes))
	}
	bo.refused(409, "POST", "/me/totp", map[string]string{"password": password})

	// The hint only after the right password; the same words as ever after a wrong one.
	c := h.client()
	if p := c.refused(401, "POST", "/session", map[string]string{"name": "Bo", "password": password}); p.Type != codeNeeded || p.field() != "body.totp" {
		t.Errorf("%+v", p)
	}
	for _, totp := range []string{"", accesstest.Code(secret, time.Now()), made.Codes[0]} {
		p := c.refused(401, "POST", "/session", map[string]string{"name": "Bo", "password": "guess", "totp": totp})
		if p.Type != "" && p.Type != "about:blank" || len(p.Errors) > 0 {
			t.Errorf("a wrong password is told about codes: %+v", p)
		}
		h.owner.ok("GET", "/session", nil, nil)
		c.ok("POST", "/session", login(made.Codes[len(made.Codes)-1]), nil) // a right login forgets the wrong ones
		made.Codes = made.Codes[:len(made.Codes)-1]
	}
	code := next()
	c = h.client()
	c.ok("POST", "/session", login(code), nil)
	if p := h.client().refused(401, "POST", "/session", login(code)); p.Type != codeWrong {
		t.Errorf("a code twice: %+v", p)
	}
	h.client().refused(401, "POST", "/session", login("none"))
	h.client().ok("POST", "/session", login(made.Codes[0]), nil)
	h.client().refused(401, "POST", "/session", login(made.Codes[0]))
	if v := signin(); v.TOTP.RecoveryCodes != 6 {
		t.Errorf("%d recovery codes are left", v.TOTP.RecoveryCodes)
	}

	// A new password does not ask for the code again, and leaves the second factor.
	c.ok("PATCH", "/users/"+id.String(), map[string]string{"password": "another password", "current_password": password}, nil)
	c.ok("PATCH", "/users/"+id.String(), map[string]string{"password": password, "current_password": "another password"}, nil)
	bo = c
	if p := h.client().refused(401, "POST", "/session", login("")); p.Type != codeNeeded {
		t.Errorf("%+v", p)
	}

	// Codes anew, and the end of it, both with password and code.
	for _, path := range []string{"/me/recovery-codes", "/me/totp/remove"} {
		if p := bo.refused(422, "POST", path, map[string]string{"password": password, "code": ""}); p.field() != "body.code" {
			t.Errorf("%s: %+v", path, p)
		}
		if p := bo.refused(422, "POST", path, map[string]string{"password": "guess", "code": made.Codes[1]}); p.field() != "body.password" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	old := made.Codes[2]
	made.Codes = nil
	bo.ok("POST", "/me/recovery-codes", map[string]string{"password": password, "code": next()}, &made)
	h.client().refused(401, "POST", "/session", login(old))
	bo.ok("POST", "/me/totp/remove", map[string]string{"password": password, "code": made.Codes[9]}, nil)
	h.client().ok("POST", "/session", login(""), nil)
	bo.refused(409, "POST", "/me/totp/remove", map[string]string{"password": password, "code": made.Codes[8]})

	// An owner takes away what somebody lost; not their own, and nobody else's hand.
	bo.ok("POST", "/me/totp/confirm", map[string]string{"code": accesstest.Code(bo.newTOTP(), time.Now())}, nil)
	var people struct{ Items []personView }
	h.owner.ok("GET", "/users", nil, &people)
	for _, p := range people.Items {
		if p.Factor != (p.Name == "Bo") {
			t.Errorf("%s: %v", p.Name, p.Factor)
		}
		if p.Name == "Ada" {
			h.owner.refused(409, "DELETE", "/users/"+p.ID.String()+"/factors", nil)
			bo.refused(404, "DELETE", "/users/"+p.ID.String()+"/factors", nil)
		}
	}
	bo.refused(404, "DELETE", "/users/"+id.String()+"/factors", nil)
	h.owner.refused(404, "DELETE", "/users/"+media.NewUUID().String()+"/factors", nil)
	h.owner.ok("DELETE", "/users/"+id.String()+"/factors", nil, nil)
	h.client().ok("POST", "/session", login(""), nil)

	acts := make(map[string]bool)
	for _, e := range must1(h.store.Access().AuditLog(access.AuditFilter{Limit: 1000}))(t) {
		acts[e.Act] = true
		for _, s := range append(made.Codes, old, password, "guess") {
			if strings.Contains(e.Detail+e.Name, s) {
				t.Errorf("%s: the log holds %q", e.Act, s)
			}
		}
	}
	for _, act := range []string{"totp.add", "totp.remove", "recovery-codes.make", "user.factors", "proof"} {
		if !acts[act] {
			t.Errorf("no line of %s in %v", act, acts)
		}
	}
	raw, err := os.ReadFile(h.store.Box().Path())
	must(t, err)
	for _, s := range append(made.Codes, string(secret), base32.StdEncoding.EncodeToString(secret)) {
		if bytes.Contains(raw, []byte(s)) || strings.Contains(h.logs.String(), s) {
			t.Errorf("%q lies in hearth.db or in the log", s)
		}
	}
}

// Wrong codes are wrong tries: also at home there is a wait after some.
func TestRateLimitOfCodes(t *testing.T) {
	h := build(t, nil)
	h.owner.ok("POST", "/me/totp/confirm", map[string]string{"code": accesstest.Code(h.owner.newTOTP(), time.Now())}, nil)
	c := h.client()
	var status int
	for range 12 {
		resp, _ := c.send("POST", "/session", map[string]string{"name": "Ada", "password": password, "totp": "000 00"})
		if status = resp.StatusCode; status == 429 {
			break
		}
	}
	if status != 429 {
		t.Errorf("%d after twelve wrong codes", status)
	}
	h.owner.ok("GET", "/session", nil, nil)
}
