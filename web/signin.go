package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
)

// The types of the problems with a code at the login, for whoever asks for it in a second step.
const (
	codeNeeded = "urn:hearth:code-needed"
	codeWrong  = "urn:hearth:code-wrong"
)

// signinView is how somebody logs in.
type signinView struct {
	TOTP *totpView `json:"totp,omitempty" doc:"The authenticator app; absent while there is none"`

	Passkeys passkeysView `json:"passkeys"`
}

type totpView struct {
	Since         time.Time `json:"since"`
	RecoveryCodes int       `json:"recovery_codes" doc:"How many are left"`
}

type passwordInput struct {
	Body struct {
		Password string `json:"password" maxLength:"1024" doc:"One's own"`
	}
}

type bothInput struct {
	Body struct {
		Password string `json:"password" maxLength:"1024" doc:"One's own"`
		Code     string `json:"code" maxLength:"40" doc:"Of the authenticator, or a recovery code"`
	}
}

type newTOTPOutput struct {
	Body struct {
		Secret string `json:"secret" doc:"Base32, to type where no code can be scanned"`
		URI    string `json:"uri" doc:"otpauth: what the QR code says"`
		QR     string `json:"qr_svg" doc:"An SVG image"`
	}
}

type codesOutput struct {
	Body struct {
		Codes []string `json:"recovery_codes" nullable:"false" doc:"Each opens once, without the authenticator. Shown this once"`
	}
}

func (s *Server) signinRoutes(t *table) {
	own := door{kind: personal}
	route(t, own, http.MethodGet, "/me/signin", "How one logs in", s.getSignin)
	route(t, own, http.MethodPost, "/me/totp", "Begin to add an authenticator app", s.beginTOTP)
	route(t, own, http.MethodPost, "/me/totp/confirm", "Its first code: from now on it is asked for", s.confirmTOTP)
	route(t, own, http.MethodPost, "/me/totp/remove", "Remove the authenticator app", s.removeTOTP, status(http.StatusNoContent))
	route(t, own, http.MethodPost, "/me/recovery-codes", "Make the recovery codes anew", s.newRecoveryCodes)
	route(t, door{kind: ownerOnly}, http.MethodDelete, "/users/{id}/factors", "Leave somebody who lost the rest with the password alone",
		s.removeFactors, status(http.StatusNoContent))
}

func (s *Server) getSignin(ctx context.Context, _ *nothing) (*struct{ Body signinView }, error) {
	v := visitorOf(ctx)
	f, err := s.access().Factors(v.session.Person.ID)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body signinView }{}
	if f.TOTP {
		out.Body.TOTP = &totpView{Since: f.Since.UTC(), RecoveryCodes: f.RecoveryCodes}
	}
	out.Body.Passkeys = s.passkeysOf(v, f.Passkeys)
	return out, nil
}

func (s *Server) beginTOTP(ctx context.Context, in *passwordInput) (*newTOTPOutput, error) {
	v := visitorOf(ctx)
	p := v.session.Person
	secret, err := s.access().BeginTOTP(ctx, p, in.Body.Password, v.from)
	if err != nil {
		return nil, s.proofProblem(v, err)
	}
	box, err := s.boxName()
	if err != nil {
		return nil, err
	}
	if box == "" {
		box = "Hearth"
	}
	out := &newTOTPOutput{}
	out.Body.Secret, out.Body.URI = secret, access.TOTPAddress(box, p.Name, secret)
	out.Body.QR, err = qrSVG(out.Body.URI)
	return out, err
}

func (s *Server) confirmTOTP(ctx context.Context, in *struct {
	Body struct {
		Code string `json:"code" maxLength:"40"`
	}
},
) (*codesOutput, error) {
	v := visitorOf(ctx)
	codes, err := s.access().ConfirmTOTP(v.session.Person, in.Body.Code)
	if errors.Is(err, access.ErrWrongCode) {
		return nil, invalid("body.code", "this is not the code of now: wait for the next one, and see whether the phone's clock is right")
	}
	if err != nil {
		return nil, err
	}
	s.looks.did(v.entry("totp.add", media.CameraID{}))
	out := &codesOutput{}
	out.Body.Codes = codes
	return out, nil
}

func (s *Server) removeTOTP(ctx context.Context, in *bothInput) (*nothing, error) {
	v := visitorOf(ctx)
	if err := s.access().RemoveTOTP(ctx, v.session.Person, in.Body.Password, in.Body.Code, v.from); err != nil {
		return nil, s.proofProblem(v, err)
	}
	s.looks.did(v.entry("totp.remove", media.CameraID{}))
	return nil, nil
}

func (s *Server) newRecoveryCodes(ctx context.Context, in *bothInput) (*codesOutput, error) {
	v := visitorOf(ctx)
	codes, err := s.access().NewRecoveryCodes(ctx, v.session.Person, in.Body.Password, in.Body.Code, v.from)
	if err != nil {
		return nil, s.proofProblem(v, err)
	}
	s.looks.did(v.entry("recovery-codes.make", media.CameraID{}))
	out := &codesOutput{}
	out.Body.Codes = codes
	return out, nil
}

// removeFactors is for others: one's own take the password and a code, so that an open browser is not enough.
func (s *Server) removeFactors(ctx context.Context, in *personInput) (*nothing, error) {
	if in.ID == visitorOf(ctx).session.Person.ID {
		return nil, problem(http.StatusConflict, "Your own second factor is removed on your own page, with your password and a code.")
	}
	p, err := s.access().Person(in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.access().RemoveFactors(p.ID); err != nil {
		return nil, err
	}
	s.noteAbout(ctx, "user.factors", p)
	return nil, nil
}

// proofProblem is the answer to somebody who is logged in and had to prove once more who they are: a 401 would say that
// they are not logged in. Wrong proofs are a line in the log, since they may be a stranger's at an open browser.
func (s *Server) proofProblem(v *visitor, err error) error {
	switch {
	case errors.Is(err, access.ErrWrongLogin):
		s.wrongProof(v)
		return invalid("body.password", "this is not your password")
	case errors.Is(err, access.ErrWrongCode):
		s.wrongProof(v)
		return invalid("body.code", err.Error())
	case errors.Is(err, access.ErrCodeNeeded):
		return invalid("body.code", "a code of your authenticator app is needed, or a recovery code")
	}
	return err
}

func (s *Server) wrongProof(v *visitor) {
	e := v.entry("proof", media.CameraID{})
	e.Denied = true
	s.looks.did(e)
}

// codeProblem answers a login whose password was right.
func codeProblem(kind, sentence string) error {
	p := problem(http.StatusUnauthorized, sentence, field("body.totp", sentence))
	p.Type = kind
	return p
}
