package authkeys_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/openapi"
	"sotercall/internal/soter"
)

const ok = `{"errMsg":"openapi.soter.enrollAuthKey:ok","errCode":0}`

func enrollEvent(t require.TestingT, e authkeys.Enrolment) string {
	return fmt.Sprintf(`{"call":"openapi.soter.enrollAuthKey","openid":%s,"askJson":%s,"authKeyJson":%s,"authKeySignature":%s}`,
		quote(t, e.OpenID), quote(t, string(e.ASKJSON)), quote(t, string(e.AuthKeyJSON)), quote(t, base64Text(e.Signature[:])))
}

func TestEnrollCall(t *testing.T) {
	for name, p := range map[string]phone{"plain": newPhone(t), "Huawei": newHuaweiPhone(t)} {
		t.Run(name, func(t *testing.T) {
			store, event := newStore(), enrollEvent(t, p.enrolment(t))
			handler := &authkeys.EnrollHandler{Store: store}
			require.True(t, authkeys.IsEnroll([]byte(event)))
			require.Equal(t, ok, string(handler.Call(t.Context(), []byte(event))))
			requireGenuine(t, authkeys.NewVerifier(store), p.answer(t, 241))

			assert.Equal(t, ok, string(handler.Call(t.Context(), []byte(event))), "asking again is safe")
			anew := p
			anew.authKey, anew.exported = anotherKey(), keyJSON(t, pemText(t, anotherKey()), identity(240)+p.announces)
			older := handler.Call(t.Context(), []byte(enrollEvent(t, anew.enrolment(t))))
			assert.Equal(t, `{"errMsg":"openapi.soter.enrollAuthKey:fail -501007 invalid parameters. keeping an AuthKey: `+
				`counter 240 is not above 240, that of an AuthKey enrolled for this user and device before","errCode":-501007}`, string(older))
		})
	}
}

func TestEnrollCallNamesTheMistake(t *testing.T) {
	p := newPhone(t)
	twin := enrollEvent(t, p.enrolment(t))
	wrongASK := p.enrolment(t)
	wrongASK.Signature = sign(t, anotherKey(), p.exported, p.salt)
	require.Equal(t, ok, string((&authkeys.EnrollHandler{Store: newStore()}).Call(t.Context(), []byte(twin))))

	member := func(name, value string) string {
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(twin), &members))
		require.Contains(t, members, name)
		return strings.Replace(twin, `"`+name+`":`+string(members[name]), value, 1)
	}
	for name, c := range map[string]struct{ event, says string }{
		"no openid":           {member("openid", `"x":1`), "parameter.openid is missing"},
		"openid empty":        {member("openid", `"openid":""`), "parameter.openid is missing"},
		"openid null":         {member("openid", `"openid":null`), "parameter.openid is missing"},
		"openid a number":     {member("openid", `"openid":7`), "parameter.openid must be a string"},
		"openid too long":     {member("openid", `"openid":"`+strings.Repeat("o", 129)+`"`), "parameter.openid has 129 bytes"},
		"openid twice":        {member("openid", `"openid":"oUser","openid":"oEve"`), "a name in the event is duplicated"},
		"no askJson":          {member("askJson", `"ask":1`), "parameter.askJson is missing"},
		"askJson parsed":      {member("askJson", `"askJson":{}`), "parameter.askJson is an object: send the text"},
		"askJson not JSON":    {member("askJson", `"askJson":"x"`), "ASK: malformed input"},
		"no authKeyJson":      {member("authKeyJson", `"authkeyjson":1`), "parameter.authKeyJson is missing"},
		"authKeyJson parsed":  {member("authKeyJson", `"authKeyJson":{"cpu_id":"c"}`), "parameter.authKeyJson is an object"},
		"authKeyJson no JSON": {member("authKeyJson", `"authKeyJson":"x"`), "AuthKey: malformed input"},
		"no signature":        {member("authKeySignature", `"x":1`), "parameter.authKeySignature is missing"},
		"signature cut":       {member("authKeySignature", `"authKeySignature":"c2ln"`), "parameter.authKeySignature: signature: malformed input: has 4 characters"},
		"wrong signature":     {enrollEvent(t, wrongASK), "AuthKey: wrong signature"},
		"another device":      {enrollEvent(t, mismatched(t, p)), "AuthKey does not belong to the ASK: cpu_id differs"},
		"cut off":             {twin[:len(twin)-1], "the event is not valid JSON, at byte"},
		"not UTF-8":           {member("openid", "\"openid\":\"\xff\""), "the event is not valid JSON, at byte"},
		"half a surrogate":    {member("openid", `"openid":"\ud800"`), "the event is not valid JSON, at byte"},
		"an array":            {`[]`, "expected a JSON object with openid"},
		"null":                {`null`, "expected a JSON object with openid"},
		"nothing":             {``, "the event is not valid JSON, at byte 0"},
		"too long":            {member("openid", `"x":"`+strings.Repeat("x", openapi.MaxBody)+`"`), "at most 65536 are read"},
	} {
		t.Run(name, func(t *testing.T) {
			var seen *openapi.Error
			handler := &authkeys.EnrollHandler{Store: fixed{}, Observe: func(_ context.Context, _ string, e *openapi.Error) { seen = e }}
			answer := string(handler.Call(t.Context(), []byte(c.event)))
			assert.Contains(t, answer, "openapi.soter.enrollAuthKey:fail -501007 invalid parameters. ")
			assert.True(t, strings.HasSuffix(answer, `,"errCode":-501007}`), answer)
			assert.Contains(t, answer, c.says)
			assert.Less(t, len(answer), 500)
			require.NotNil(t, seen)
			assert.Contains(t, seen.Message, c.says)
		})
	}
}

func mismatched(t *testing.T, p phone) authkeys.Enrolment {
	p.exported = strings.Replace(p.exported, cpuID, "another", 1)
	return p.enrolment(t)
}

func TestEnrollCallIsForBackends(t *testing.T) {
	event := []byte(enrollEvent(t, newPhone(t).enrolment(t)))
	for name, c := range map[string]struct {
		caller openapi.Caller
		code   string
	}{
		"a backend":              {openapi.Caller{}, `"errCode":0}`},
		"a page":                 {openapi.Caller{OpenID: user, FromPage: true}, `"errCode":-604104}`},
		"a page of nobody":       {openapi.Caller{FromPage: true}, `"errCode":-604104}`},
		"a function, for a user": {openapi.Caller{OpenID: user}, `"errCode":-604104}`},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore()
			answer := string((&authkeys.EnrollHandler{Store: store}).Call(openapi.WithCaller(t.Context(), c.caller), event))
			assert.Contains(t, answer, c.code)
			_, err := store.Find(t.Context(), authkeys.ID{OpenID: user, CPUID: cpuID, UID: uid})
			assert.Equal(t, c.caller == openapi.Caller{}, err == nil)
		})
	}
}

func TestEnrollCallTellsThatTheStoreFails(t *testing.T) {
	event := []byte(enrollEvent(t, newPhone(t).enrolment(t)))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		code int
		says string
	}{
		"it works":            {t.Context(), nil, 0, ""},
		"it is down":          {t.Context(), errors.New("down"), openapi.CodeSystem, "could not be kept"},
		"no time is left":     {ended, context.Canceled, openapi.CodeTimeout, "no time was left"},
		"it has a newer one":  {t.Context(), &authkeys.NotNewerError{Counter: 1, Enrolled: 2}, openapi.CodeInvalidParam, "counter 1 is not above 2"},
		"it has it, too late": {ended, soter.ErrMismatch, openapi.CodeInvalidParam, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var observed int
			handler := &authkeys.EnrollHandler{Store: fixed{err: c.err}, Observe: func(_ context.Context, openid string, e *openapi.Error) {
				observed++
				assert.Equal(t, user, openid)
				assert.Equal(t, c.err == nil, e == nil)
				if e != nil {
					assert.ErrorIs(t, e, c.err, "the log learns the cause")
				}
			}}
			answer := string(handler.Call(c.ctx, event))
			assert.Contains(t, answer, fmt.Sprintf(`"errCode":%d}`, c.code))
			assert.Contains(t, answer, c.says)
			assert.NotContains(t, answer, "down", "what fails is for the log")
			assert.Equal(t, 1, observed)
		})
	}
}

// A file is read and never written: what to do is in the answer, and a mistake in the
// event comes first.
func TestEnrollCallWithoutAStoreSaysWhatToDo(t *testing.T) {
	var seen *openapi.Error
	handler := &authkeys.EnrollHandler{Observe: func(_ context.Context, openid string, e *openapi.Error) {
		assert.Equal(t, user, openid)
		seen = e
	}}
	answer := string(handler.Call(t.Context(), []byte(enrollEvent(t, newPhone(t).enrolment(t)))))
	assert.Contains(t, answer, "AuthKeys come from AUTHKEYS_FILE here, which is only read: add them where the file is made, or set REDIS_URL in its place")
	assert.Contains(t, answer, `"errCode":-604103}`)
	assert.Equal(t, openapi.CodeSystem, seen.Code)
	handler.Observe = nil
	assert.Contains(t, string(handler.Call(t.Context(), []byte(`{}`))), `"errCode":-501007}`)
}

func TestIsEnroll(t *testing.T) {
	for event, want := range map[string]bool{
		`{"call":"openapi.soter.enrollAuthKey"}`:                              true,
		` {"openid":"o","userInfo":{},"call":"openapi.soter.enrollAuthKey"}`:  true,
		`{"call":"openapi.soter.enrollAuthKey","broken`:                       true,
		`{"call":"openapi.soter.verifySignature","x":"enrollAuthKey"}`:        false,
		`{"jsonString":"{\"call\":\"openapi.soter.enrollAuthKey\"}"}`:         false,
		`{"x":{"call":"openapi.soter.enrollAuthKey"}}`:                        false,
		`{"Call":"openapi.soter.enrollAuthKey"}`:                              false,
		`{"call":["openapi.soter.enrollAuthKey"]}`:                            false,
		`{"call":"openapi.soter.enrollAuthKeys"}`:                             false,
		`{"call":7,"x":"openapi.soter.enrollAuthKey"}`:                        false,
		`["call","openapi.soter.enrollAuthKey"]`:                              false,
		`"openapi.soter.enrollAuthKey"`:                                       false,
		`{"broken,"call":"openapi.soter.enrollAuthKey"}`:                      false,
		`{"openid":"o","jsonString":"{}","jsonSignature":"openapi.soter.en"}`: false,
		``: false,
	} {
		assert.Equal(t, want, authkeys.IsEnroll([]byte(event)), event)
	}
}
