package authkeys_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/authkeys/storetest"
	"sotercall/internal/openapi"
	"sotercall/internal/soter"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
)

func enrolled(t testing.TB, p phone) *storetest.Memory {
	t.Helper()
	store := newStore()
	require.NoError(t, authkeys.Enroll(t.Context(), store, p.enrolment(t)))
	return store
}

func requireGenuine(t testing.TB, v openapi.Verifier, r openapi.Request) {
	t.Helper()
	verdict, err := v.Verify(t.Context(), r)
	require.NoError(t, err)
	require.True(t, verdict.IsGenuine(), verdict.Reason())
}

func requireWrong(t testing.TB, v openapi.Verifier, r openapi.Request, reason string) {
	t.Helper()
	verdict, err := v.Verify(t.Context(), r)
	require.NoError(t, err)
	require.False(t, verdict.IsGenuine())
	require.Contains(t, verdict.Reason(), reason)
	require.Less(t, len(verdict.Reason()), 300)
}

func requireCode(t testing.TB, v openapi.Verifier, r openapi.Request, code int) *openapi.Error {
	t.Helper()
	verdict, err := v.Verify(t.Context(), r)
	require.Zero(t, verdict)
	var e *openapi.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code)
	return e
}

func TestVerifierAcceptsWhatAnEnrolledPhoneSigns(t *testing.T) {
	for name, p := range map[string]phone{"salt 20": newPhone(t), "salt 32": newHuaweiPhone(t)} {
		t.Run(name, func(t *testing.T) {
			v := authkeys.NewVerifier(enrolled(t, p))
			requireGenuine(t, v, p.answer(t, 246))
			requireGenuine(t, v, p.answer(t, 241))
			requireGenuine(t, v, p.signed(t, fmt.Sprintf(`{"uid":%s,"cpu_id":%q,"counter":"247","raw":"c"%s}`, uid, cpuID, p.announces)))
		})
	}
}

func TestVerifierRefuses(t *testing.T) {
	p := newPhone(t)
	v := authkeys.NewVerifier(enrolled(t, p))
	twin := p.answer(t, 246)
	requireGenuine(t, v, twin)

	for name, c := range map[string]struct {
		old, new string // in the text, before it is signed
		reason   string
	}{
		"another device":         {cpuID, "another", "no AuthKey is enrolled"},
		"another app":            {`"` + uid + `"`, `"10116"`, "no AuthKey is enrolled"},
		"the enrolment's number": {`:246`, `:240`, "counter 240 is not above 240"},
		"an earlier number":      {`:246`, `:239`, "counter 239 is not above 240"},
		"salt 32 announced":      {`"10115"`, `"10115","rsa_pss_saltlen":32`, "announces a salt of 32 bytes, its AuthKey 20"},
		"salt 0 announced":       {`"10115"`, `"10115","rsa_pss_saltlen":0`, "neither 20 nor 32"},
		"no challenge":           {`"raw"`, `"row"`, "raw is missing"},
		"no counter":             {`"counter"`, `"count"`, "counter is missing"},
		"a name twice":           {`"uid"`, `"raw":"another","uid"`, "duplicate"},
		"nested":                 {`"FPC"`, `["FPC"]`, "is nested"},
		"no object":              {`{"raw"`, `["raw"`, "want a JSON object"},
		"a long name":            {`"FPC"`, `["` + strings.Repeat("x", 4000) + `"]`, "is nested"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, twin.JSONString, c.old)
			requireWrong(t, v, p.signed(t, strings.Replace(twin.JSONString, c.old, c.new, 1)), c.reason)
		})
	}

	for name, c := range map[string]struct {
		change func(*openapi.Request)
		reason string
	}{
		"another user":         {func(r *openapi.Request) { r.OpenID = "oEve" }, "no AuthKey is enrolled"},
		"no user":              {func(r *openapi.Request) { r.OpenID = "" }, "no AuthKey is enrolled"},
		"a blank at the end":   {func(r *openapi.Request) { r.JSONString += " " }, "wrong signature"},
		"another challenge":    {func(r *openapi.Request) { r.JSONString = strings.Replace(r.JSONString, "cd99", "cd98", 1) }, "wrong signature"},
		"another signature":    {func(r *openapi.Request) { r.JSONSignature = p.answer(t, 247).JSONSignature }, "wrong signature"},
		"a flipped bit":        {func(r *openapi.Request) { r.JSONSignature = flip(r.JSONSignature) }, "wrong signature"},
		"half a signature":     {func(r *openapi.Request) { r.JSONSignature = r.JSONSignature[:172] }, "has 172 characters"},
		"a signature of zeros": {func(r *openapi.Request) { r.JSONSignature = base64Text(make([]byte, 256)) }, "wrong signature"},
	} {
		t.Run(name, func(t *testing.T) {
			r := twin
			c.change(&r)
			requireWrong(t, v, r, c.reason)
		})
	}

	for name, signer := range map[string]*rsa.PrivateKey{"signed by the ASK": askKey(), "signed by another phone": anotherKey()} {
		t.Run(name, func(t *testing.T) {
			q := p
			q.authKey = signer
			requireWrong(t, v, q.answer(t, 246), "wrong signature")
		})
	}
	t.Run("salt 32 not announced", func(t *testing.T) {
		q := p
		q.salt = soter.Salt32
		requireWrong(t, v, q.answer(t, 246), "wrong signature")
	})
}

// flip changes one bit of a signature in base64.
func flip(signature string) string {
	if signature[7] == 'A' {
		return signature[:7] + "B" + signature[8:]
	}
	return signature[:7] + "A" + signature[8:]
}

func TestSaltOfAResultIsTheOneItsAuthKeyAnnounced(t *testing.T) {
	p := newHuaweiPhone(t)
	v := authkeys.NewVerifier(enrolled(t, p))
	requireGenuine(t, v, p.answer(t, 241))
	p.salt, p.announces = soter.Salt20, ""
	requireWrong(t, v, p.answer(t, 242), "announces a salt of 20 bytes, its AuthKey 32")
}

func TestVerifierNoticesAKeyEnrolledAnew(t *testing.T) {
	old := newPhone(t)
	store := enrolled(t, old)
	v := authkeys.NewVerifier(store)
	requireGenuine(t, v, old.answer(t, 241))

	renewed := old
	renewed.authKey = anotherKey()
	renewed.exported = keyJSON(t, pemText(t, anotherKey()), identity(242))
	require.NoError(t, authkeys.Enroll(t.Context(), store, renewed.enrolment(t)))
	requireGenuine(t, v, renewed.answer(t, 243))
	requireWrong(t, v, old.answer(t, 244), "wrong signature")
}

func TestVerifierTakesAKeyWrittenByHand(t *testing.T) {
	p := newPhone(t)
	path := filepath.Join(t.TempDir(), "authkeys.json")
	for name, pubKey := range map[string]string{"PEM": pemText(t, authKey()), "bare DER": base64Text(spki(t, authKey()))} {
		content := fmt.Sprintf(`{"authKeys":[{"openid":%q,"pub_key":%s,%s}]}`, user, quote(t, pubKey), identity(240))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		t.Run(name, func(t *testing.T) { requireGenuine(t, authkeys.NewVerifier(authkeys.NewFile(path)), p.answer(t, 241)) })
	}
}

// fixed is a store that answers everybody the same.
type fixed struct {
	key authkeys.AuthKey
	err error
}

func (s fixed) Find(context.Context, authkeys.ID) (authkeys.AuthKey, error) { return s.key, s.err }
func (s fixed) Put(context.Context, authkeys.AuthKey) error                 { return s.err }

func TestStoreThatFailsIsNoWrongSignature(t *testing.T) {
	p := newPhone(t)
	r := p.answer(t, 241)
	good, err := enrolled(t, p).Find(t.Context(), authkeys.ID{OpenID: user, CPUID: cpuID, UID: uid})
	require.NoError(t, err)
	requireGenuine(t, authkeys.NewVerifier(fixed{key: good}), r)

	e := requireCode(t, authkeys.NewVerifier(fixed{err: errors.New("down")}), r, openapi.CodeSystem)
	assert.NotContains(t, e.Message, "down", "what fails is for the log")
	require.ErrorContains(t, e, "down")
	requireWrong(t, authkeys.NewVerifier(fixed{err: fmt.Errorf("wrapped: %w", authkeys.ErrNotEnrolled)}), r, "no AuthKey is enrolled")

	another := good
	another.UID = "10116"
	e = requireCode(t, authkeys.NewVerifier(fixed{key: another}), r, openapi.CodeSystem)
	require.ErrorContains(t, e, "another user, device or app")

	broken := good
	broken.PubKey = strings.Replace(good.PubKey, "M", "N", 1)
	e = requireCode(t, authkeys.NewVerifier(fixed{key: broken}), r, openapi.CodeSystem)
	require.ErrorContains(t, e, "unusable")

	missing := authkeys.NewFile(filepath.Join(t.TempDir(), "authkeys.json"))
	requireCode(t, authkeys.NewVerifier(missing), r, openapi.CodeSystem)
	requireWrong(t, authkeys.NewVerifier(fixed{err: errors.New("down")}), openapi.Request{OpenID: user, JSONString: r.JSONString, JSONSignature: "x"},
		"has 1 characters") // what is not well formed needs no store
}

func TestRedisThatIsDownIsNoWrongSignature(t *testing.T) {
	server := redistest.Start(t)
	store := redis.NewAuthKeys(openRedis(t, server))
	p, v := newHuaweiPhone(t), authkeys.NewVerifier(store)
	require.NoError(t, authkeys.Enroll(t.Context(), store, p.enrolment(t)))
	requireGenuine(t, v, p.answer(t, 241))

	server.Kill()
	requireCode(t, v, p.answer(t, 242), openapi.CodeSystem)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.Verify(ctx, p.answer(t, 242))
	var e *openapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, openapi.CodeTimeout, e.Code)

	server.Run() // empty
	requireWrong(t, v, p.answer(t, 242), "no AuthKey is enrolled")
}

func TestVerifierRemembersABoundedNumberOfKeys(t *testing.T) {
	p, store := newPhone(t), &fixed{}
	v := authkeys.NewVerifier(store)
	good, err := enrolled(t, p).Find(t.Context(), authkeys.ID{OpenID: user, CPUID: cpuID, UID: uid})
	require.NoError(t, err)
	r := p.answer(t, 241)
	for i := range authkeys.MaxParsed + 10 {
		store.key = good
		store.key.PubKey += strings.Repeat("\n", i%512) + strings.Repeat(" ", i/512)
		requireGenuine(t, v, r)
	}
	assert.Equal(t, authkeys.MaxParsed, v.Parsed())
}

func TestVerifierIsUsedByManyAtOnce(t *testing.T) {
	p := newPhone(t)
	store := enrolled(t, p)
	v := authkeys.NewVerifier(store)
	genuine, forged := p.answer(t, 500), p.answer(t, 500)
	forged.JSONSignature = flip(forged.JSONSignature)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				for _, r := range []openapi.Request{genuine, forged} {
					verdict, err := v.Verify(t.Context(), r)
					assert.NoError(t, err)
					assert.Equal(t, r == genuine, verdict.IsGenuine())
				}
			}
			assert.NoError(t, store.Put(t.Context(), storetest.Key(fmt.Sprint(i), "c", "1", 1)))
		})
	}
	wg.Wait()
}
