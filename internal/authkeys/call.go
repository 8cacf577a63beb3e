package authkeys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/openapi"
	"sotercall/internal/soter"
)

// EnrollName is the name of the call that adds an AuthKey.
const EnrollName = "openapi.soter.enrollAuthKey"

// EnrollCall is the call EnrollName, by which a backend adds an AuthKey:
//
//	{"call": "openapi.soter.enrollAuthKey", "openid": "oUser", "askJson": "…",
//	 "authKeyJson": "…", "authKeySignature": "…"}
//
// askJson and authKeyJson are the device's exports, as JSON strings. The signature is over
// the text after one decode. Both forms of an ASK are accepted (see [Enrolment]).
// authKeySignature is base64. The response is
//
//	{"errMsg":"openapi.soter.enrollAuthKey:ok","errCode":0}
//
// or :fail with the reason, and one of the codes of package openapi:
//
//   - -501007: a mistake in the event or the AuthKey;
//   - -604102 and -604103: the store was not reached in time or at all. It is not known
//     whether the AuthKey is kept. Repeating the call is safe: a kept AuthKey gets :ok.
//
// The caller vouches for the owner of the AuthKey, and that verify_ask accepted the ASK. So
// the call is for the developer's own backend, which invokes the function directly with the
// cloud's own authorization. It must not be reachable by HTTP, and other callers get
// -604104. If store is nil, AuthKeys come from a [File], and every enrolment fails.
func EnrollCall(store Store) openapi.Call {
	return openapi.Call{
		Name: EnrollName, Direct: true,
		Serve: func(r *http.Request) openapi.Result {
			openid, e := enroll(store, r)
			log := []slog.Attr{slog.String("openid", openapi.MaskOpenID(openid))}
			if e != nil {
				return openapi.Refused(e, log...)
			}
			return openapi.Result{Body: enrollAnswer(nil), Outcome: "enrolled", Log: log}
		},
		Refuse: enrollAnswer,
	}
}

func enroll(store Store, r *http.Request) (openid string, e *openapi.Error) {
	ctx := r.Context()
	if caller := openapi.CallerFrom(ctx); !caller.IsBackend() {
		return "", caller.Refused()
	}
	event, e := openapi.ReadBody(r)
	if e != nil {
		return "", e
	}
	enrolment, e := parseEnrolment(event)
	if e != nil {
		return "", e
	}
	if store == nil {
		return enrolment.OpenID, openapi.NewError(openapi.CodeSystem, "AuthKeys come from AUTHKEYS_FILE here, which is only read:"+
			" add them where the file is made, or set REDIS_URL in its place", nil)
	}
	return enrolment.OpenID, enrollError(ctx, Enroll(ctx, store, enrolment))
}

func enrollError(ctx context.Context, err error) *openapi.Error {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case err == nil:
		return nil
	case is(soter.ErrMalformed), is(soter.ErrWeakKey), is(soter.ErrWrongSignature), is(soter.ErrMismatch), is(ErrTooManyDevices):
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
	b, _ = jsontext.AppendQuote(b, message) // replaces bytes that are not UTF-8 by U+FFFD
	b = append(b, `,"errCode":`...)
	b = strconv.AppendInt(b, int64(code), 10)
	return append(b, '}')
}
