package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hearth/nvr"
	"hearth/nvr/camera"
	"hearth/nvr/live"
	"hearth/nvr/vision"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/box"
)

// nothingRecorded is the type of the problem that there is no footage in the asked span.
const nothingRecorded = "urn:hearth:nothing-recorded"

// privateNow is the type of the problem that a camera is private, so that there is no picture of now.
const privateNow = "urn:hearth:private"

// problem is an answer of RFC 9457 with a sentence for the owner and what is wrong with which field.
func problem(status int, sentence string, fields ...*huma.ErrorDetail) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: sentence, Errors: fields}
}

func field(location, message string) *huma.ErrorDetail {
	return &huma.ErrorDetail{Location: location, Message: message}
}

// notFound is also the answer to the wrong person: it never tells that something is there.
func notFound() *huma.ErrorModel {
	return problem(http.StatusNotFound, "There is nothing here.")
}

func notLoggedIn() *huma.ErrorModel {
	return problem(http.StatusUnauthorized, "Log in first.")
}

// problemOf turns an error of the rooms below into an answer. What is nobody's fault but ours is logged, and answered
// without its inner words.
func problemOf(log *slog.Logger, err error) error {
	var model *huma.ErrorModel
	var bad *access.BadInput
	var wrong *nvr.FieldError
	var busy *access.BusyError
	var trouble *camera.Problem
	var unkept *nvr.UnkeptError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &model):
		return err
	case errors.Is(err, context.Canceled): // who asked is gone, or the box stops: nobody reads this
		return problem(http.StatusServiceUnavailable, "This was given up.")
	case errors.Is(err, access.ErrDenied), errors.Is(err, access.ErrNoPerson), errors.Is(err, access.ErrNoDevice), errors.Is(err, box.ErrNotFound),
		errors.Is(err, storage.ErrDenied), errors.Is(err, storage.ErrNotFound),
		errors.Is(err, nvr.ErrForbidden), errors.Is(err, live.ErrDenied):
		return notFound()
	case errors.Is(err, access.ErrNoInvitation):
		return problem(http.StatusNotFound, sentence(err.Error()))
	case errors.As(err, &bad):
		return invalid("body."+bad.Field, bad.Reason)
	case errors.As(err, &wrong):
		return invalid("body."+wrong.Field, wrong.Text)
	case errors.Is(err, storage.ErrCursor):
		return invalid("query.cursor", err.Error())
	case errors.As(err, &trouble):
		where := "body.url"
		if errors.Is(err, camera.ErrWrongPassword) {
			where = "body.password"
		}
		return problem(http.StatusUnprocessableEntity, trouble.Sentence, field(where, trouble.Sentence))
	case errors.Is(err, access.ErrNameTaken), errors.Is(err, nvr.ErrNameTaken):
		return invalid("body.name", err.Error())
	case errors.Is(err, access.ErrLastOwner), errors.Is(err, access.ErrSetUp), errors.Is(err, nvr.ErrTooManyCameras),
		errors.Is(err, access.ErrHasTOTP), errors.Is(err, access.ErrNoTOTP):
		return problem(http.StatusConflict, sentence(err.Error()))
	case errors.Is(err, access.ErrSetupCode):
		return problem(http.StatusForbidden, sentence(err.Error()), field("body.code", err.Error()))
	case errors.As(err, &busy):
		seconds := int((busy.RetryAfter + time.Second - 1) / time.Second)
		return huma.ErrorWithHeaders(
			problem(http.StatusTooManyRequests, fmt.Sprintf("Too many tries. Wait %d s and try again.", seconds)),
			http.Header{"Retry-After": {strconv.Itoa(seconds)}})
	case errors.Is(err, access.ErrNoSession):
		return notLoggedIn()
	case errors.Is(err, access.ErrWrongLogin):
		return problem(http.StatusUnauthorized, "Name or password is wrong.")
	case errors.Is(err, nvr.ErrNotRunning), errors.Is(err, live.ErrClosed):
		return problem(http.StatusServiceUnavailable, "The camera is just being started or stopped. Try again in a moment.")
	case errors.Is(err, storage.ErrDiskAway):
		return problem(http.StatusServiceUnavailable, "The disk that this lies on is not there now.")
	case errors.Is(err, nvr.ErrTooManySights):
		return problem(http.StatusServiceUnavailable, sentence(err.Error()))
	case errors.Is(err, nvr.ErrNothingFound), errors.Is(err, nvr.ErrOtherFound):
		return problem(http.StatusConflict, sentence(err.Error()))
	case errors.Is(err, nvr.ErrQuarantined):
		return problem(http.StatusServiceUnavailable, sentence(err.Error()))
	case errors.Is(err, nvr.ErrPrivate), errors.Is(err, live.ErrPrivate):
		p := problem(http.StatusConflict, "This camera is private: it does not look now.")
		p.Type = privateNow
		return p
	case errors.As(err, &unkept):
		log.Error("a switch of privacy is not kept", "error", err)
		return problem(http.StatusInsufficientStorage, "Nothing was changed: the box cannot write down who is private. Its disk may be full.")
	case errors.Is(err, nvr.ErrNoPicture):
		return problem(http.StatusServiceUnavailable, "The camera has not shown a picture yet.")
	case errors.Is(err, vision.ErrNoPicture): // what decodes one died, or the machine is too busy for it
		log.Warn("no picture could be made", "error", err)
		return problem(http.StatusServiceUnavailable, "The picture could not be made. Try again in a moment.")
	}
	log.Error("a request failed", "error", err)
	return problem(http.StatusInternalServerError, "Something went wrong on the box. Its log says more.")
}

func invalid(location, reason string) *huma.ErrorModel {
	return problem(http.StatusUnprocessableEntity, sentence(reason), field(location, reason))
}

// sentence makes a sentence of an error's text.
func sentence(s string) string {
	if s == "" {
		return s
	}
	if s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	switch s[len(s)-1] {
	case '.', '!', '?':
		return s
	}
	return s + "."
}

// withoutValues keeps what somebody sent, a password maybe, from being sent back in an error, and puts a sentence
// where the library has a title.
func withoutValues(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	clean := *m
	clean.Errors = make([]*huma.ErrorDetail, 0, len(m.Errors))
	for _, e := range m.Errors {
		clean.Errors = append(clean.Errors, field(e.Location, e.Message))
	}
	switch {
	case clean.Detail == "validation failed" && len(clean.Errors) > 0:
		clean.Detail = "What was sent cannot be taken: " + clean.Errors[0].Message + "."
	case clean.Detail == "validation failed":
		clean.Detail = "What was sent cannot be taken."
	}
	return &clean, nil
}

// problemStatus is the status that an error is answered with.
func problemStatus(err error) int {
	var m *huma.ErrorModel
	if errors.As(err, &m) {
		return m.Status
	}
	return http.StatusInternalServerError
}
