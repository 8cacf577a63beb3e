package authkeys_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/openapi"
	"sotercall/internal/soter"
)

const ok = `{"errMsg":"openapi.soter.enrollAuthKey:ok","errCode":0}`

// backend is a context in which the developer's own backend calls.
func backend(t testing.TB) context.Context {
	return openapi.WithCaller(t.Context(), openapi.Backend())
}

// enroll is what a store's call answers to an event, and how it ended.
func enroll(ctx context.Context, store authkeys.Store, event string) (string, openapi.Result) {
	call := authkeys.EnrollCall(store)
	result := call.Serve(openapi.NewEvent(ctx, []byte(event)))
	return string(call.Body(result)), result
}

func enrolledBy(t testing.TB, store authkeys.Store, event string) string {
	answer, _ := enroll(backend(t), store, event)
	return answer
}

func enrollEvent(t require.TestingT, e authkeys.Enrolment) string {
	return fmt.Sprintf(`{"call":"openapi.soter.enrollAuthKey","openid":%s,"askJson":%s,"authKeyJson":%s,"authKeySignature":%s}`,
		quote(t, e.OpenID), quote(t, string(e.ASKJSON)), quote(t, string(e.AuthKeyJSON)), quote(t, base64Text(e.Signature[:])))
}

func TestEnrollCall(t *testing.T) {
	for name, p := range map[string]phone{"plain": newPhone(t), "Huawei": newHuaweiPhone(t)} {
		t.Run(name, func(t *testing.T) {
			store, event := newStore(), enrollEvent(t, p.enrolment(t))
			require.Equal(t, ok, enrolledBy(t, store, event))
			requireGenuine(t, authkeys.NewVerifier(store), p.answer(t, 241))

			assert.Equal(t, ok, enrolledBy(t, store, event), "asking again is safe")
			anew := p
			anew.authKey, anew.exported = anotherKey(), keyJSON(t, pemText(t, anotherKey()), identity(240)+p.announces)
			older := enrolledBy(t, store, enrollEvent(t, anew.enrolment(t)))
			assert.Equal(t, `{"errMsg":"openapi.soter.enrollAuthKey:fail -501007 invalid parameters. keeping an AuthKey: `+
				`counter 240 is not above 240, that of an AuthKey enrolled for this user and device before","errCode":-501007}`, older)
		})
	}
}

func TestEnrollCallNamesTheMistake(t *testing.T) {
	p := newPhone(t)
	twin := enrollEvent(t, p.enrolment(t))
	wrongASK := p.enrolment(t)
	wrongASK.Signature = sign(t, anotherKey(), p.exported, p.salt)
	require.Equal(t, ok, enrolledBy(t, newStore(), twin))

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
			answer, result := enroll(backend(t), fixed{}, c.event)
			assert.Contains(t, answer, "openapi.soter.enrollAuthKey:fail -501007 invalid parameters. ")
			assert.True(t, strings.HasSuffix(answer, `,"errCode":-501007}`), answer)
			assert.Contains(t, answer, c.says)
			assert.Less(t, len(answer), 500)
			require.NotNil(t, result.Err)
			assert.Contains(t, result.Err.Message, c.says)
		})
	}
}

func mismatched(t *testing.T, p phone) authkeys.Enrolment {
	p.exported = strings.Replace(p.exported, cpuID, "another", 1)
	return p.enrolment(t)
}

func TestEnrollCallIsForBackends(t *testing.T) {
	event := enrollEvent(t, newPhone(t).enrolment(t))
	for name, c := range map[string]struct {
		caller openapi.Caller
		code   string
	}{
		"a backend":              {openapi.Backend(), `"errCode":0}`},
		"a user":                 {openapi.User(user), `"errCode":-604104}`},
		"a user with a secret":   {openapi.User(user).WithProof(), `"errCode":-604104}`},
		"nobody that is known":   {openapi.Caller{}, `"errCode":-604104}`},
		"a visitor of some page": {openapi.Unknown("TCB_SOURCE is web_client"), `"errCode":-604104}`},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore()
			answer, _ := enroll(openapi.WithCaller(t.Context(), c.caller), store, event)
			assert.Contains(t, answer, c.code)
			_, err := store.Find(t.Context(), authkeys.ID{OpenID: user, CPUID: cpuID, UID: uid})
			assert.Equal(t, c.caller.IsBackend(), err == nil)
		})
	}
}

func TestEnrollCallTellsThatTheStoreFails(t *testing.T) {
	event := enrollEvent(t, newPhone(t).enrolment(t))
	ended, cancel := context.WithCancel(backend(t))
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		code int
		says string
	}{
		"it works":            {backend(t), nil, 0, ""},
		"it is down":          {backend(t), errors.New("down"), openapi.CodeSystem, "could not be kept"},
		"no time is left":     {ended, context.Canceled, openapi.CodeTimeout, "no time was left"},
		"it has a newer one":  {backend(t), &authkeys.NotNewerError{Counter: 1, Enrolled: 2}, openapi.CodeInvalidParam, "counter 1 is not above 2"},
		"it has it, too late": {ended, soter.ErrMismatch, openapi.CodeInvalidParam, ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer, result := enroll(c.ctx, fixed{err: c.err}, event)
			assert.Equal(t, c.err == nil, result.Err == nil)
			if result.Err != nil {
				assert.ErrorIs(t, result.Err, c.err, "the log learns the cause")
			}
			assert.Equal(t, "[openid="+openapi.MaskOpenID(user)+"]", slog.GroupValue(result.Log...).String())
			assert.Contains(t, answer, fmt.Sprintf(`"errCode":%d}`, c.code))
			assert.Contains(t, answer, c.says)
			assert.NotContains(t, answer, "down", "what fails is for the log")
		})
	}
}

// A file is read and never written: what to do is in the answer, and a mistake in the
// event comes first.
func TestEnrollCallWithoutAStoreSaysWhatToDo(t *testing.T) {
	answer, result := enroll(backend(t), nil, enrollEvent(t, newPhone(t).enrolment(t)))
	assert.Contains(t, answer, "AuthKeys come from AUTHKEYS_FILE here, which is only read: add them where the file is made, or set REDIS_URL in its place")
	assert.Contains(t, answer, `"errCode":-604103}`)
	assert.Equal(t, openapi.CodeSystem, result.Err.Code)
	assert.Contains(t, enrolledBy(t, nil, `{}`), `"errCode":-501007}`)
}
