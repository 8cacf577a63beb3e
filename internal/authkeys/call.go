package authkeys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/openapi"
	"sotercall/internal/soter"
)

// EnrollName is the name of the call that adds an AuthKey.
const EnrollName = "openapi.soter.enrollAuthKey"

// IsEnroll reports whether a direct event is the call EnrollName: an object whose
// member call has that name. It does not judge the rest.
//
// It is asked before every verification. Of an event that does not name the call,
// it costs one search for a word that begins with a letter rare in JSON and in
// base64.
func IsEnroll(event []byte) bool {
	return bytes.Contains(event, []byte("AuthKey")) && callOf(event) == EnrollName
}

// callOf answers the member call of an object, "" if it has none.
func callOf(event []byte) string {
	dec := jsontext.NewDecoder(bytes.NewReader(event))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return ""
	}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return ""
		}
		isCall := token.String() == "call"
		if !isCall {
			if err := dec.SkipValue(); err != nil {
				return ""
			}
			continue
		}
		if token, err = dec.ReadToken(); err != nil || token.Kind() != '"' {
			return ""
		}
		return token.String()
	}
	return ""
}

// EnrollHandler answers the call EnrollName, by which a backend adds an AuthKey:
//
//	{"call": "openapi.soter.enrollAuthKey", "openid": "oUser", "askJson": "…",
//	 "authKeyJson": "…", "authKeySignature": "…"}
//
// askJson and authKeyJson are the texts that the device exported, as JSON strings:
// what comes out of decoding them once is what was signed. Both forms of an ASK
// will do (see [Enrolment]). authKeySignature is base64. The answer is
//
//	{"errMsg":"openapi.soter.enrollAuthKey:ok","errCode":0}
//
// or :fail with what is wrong, and one of the codes of package openapi: -501007
// for an event or an AuthKey that is not good, -604102 and -604103 when the store
// was not reached in time or at all, when it is not known whether the AuthKey is
// kept. Asking again is then safe: an AuthKey that is kept already is answered :ok.
//
// Whose AuthKey it is, is the caller's word, and so is that verify_ask accepted
// the ASK. The call is therefore for trusted backends, who invoke the function
// directly with the cloud's own authorization: it must not be reachable by HTTP,
// and a Mini Program's page is answered -604104.
//
// Its fields are set before the first use and not changed after; it may be used
// concurrently.
type EnrollHandler struct {
	// Store is where AuthKeys are kept; nil where they come from a [File], into which
	// nothing can be enrolled.
	Store Store
	// Observe, if set, sees each call with what became of it, for the log: e is
	// nil when the AuthKey is enrolled. The openid is empty when the event was not
	// read.
	Observe func(ctx context.Context, openid string, e *openapi.Error)
}

// Call answers an event.
func (h *EnrollHandler) Call(ctx context.Context, event []byte) []byte {
	openid, e := h.enroll(ctx, event)
	if h.Observe != nil {
		h.Observe(ctx, openid, e)
	}
	return enrollAnswer(e)
}

func (h *EnrollHandler) enroll(ctx context.Context, event []byte) (openid string, e *openapi.Error) {
	if openapi.CallerFrom(ctx) != (openapi.Caller{}) {
		return "", openapi.NewError(openapi.CodeIllegalSource, "AuthKeys are enrolled by a trusted backend, not for a user who calls", nil)
	}
	enrolment, e := parseEnrolment(event)
	if e != nil {
		return "", e
	}
	if h.Store == nil {
		return enrolment.OpenID, openapi.NewError(openapi.CodeSystem, "AuthKeys come from AUTHKEYS_FILE here, which is only read:"+
			" add them where the file is made, or set REDIS_URL in its place", nil)
	}
	return enrolment.OpenID, enrollError(ctx, Enroll(ctx, h.Store, enrolment))
}

func enrollError(ctx context.Context, err error) *openapi.Error {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case err == nil:
		return nil
	case is(soter.ErrMalformed), is(soter.ErrWeakKey), is(soter.ErrWrongSignature), is(soter.ErrMismatch):
		return openapi.NewError(openapi.CodeInvalidParam, fmt.Sprintf("%.200s", err), err)
	case ctx.Err() != nil:
		return openapi.NewError(openapi.CodeTimeout, "no time was left to keep the AuthKey", err)
	default:
		return openapi.NewError(openapi.CodeSystem, "the AuthKey could not be kept", err)
	}
}

func enrollAnswer(e *openapi.Error) []byte {
	message, code := EnrollName+":ok", 0
	if e != nil {
		message, code = EnrollName+":fail "+e.Message, e.Code
	}
	b := []byte(`{"errMsg":`)
	b, _ = jsontext.AppendQuote(b, message) // of bytes that are not UTF-8 it makes U+FFFD
	b = append(b, `,"errCode":`...)
	b = strconv.AppendInt(b, int64(code), 10)
	return append(b, '}')
}
