package authkeys_test

import (
	"crypto/rsa"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/soter"
)

func TestEnrollTakesEveryFormOfTheField(t *testing.T) {
	plain, huawei := newPhone(t), newHuaweiPhone(t)
	with := func(p phone, ask, exported string) phone {
		p.ask, p.exported = ask, exported
		return p
	}
	require.Contains(t, huawei.exported, "-----\nM", "line feeds inside a string")
	for name, p := range map[string]phone{
		"PEM, salt 20":                         plain,
		"certificates, line feeds, salt 32":    huawei,
		"bare DER":                             with(plain, keyJSON(t, base64Text(spki(t, askKey())), identity(228)), keyJSON(t, base64Text(spki(t, authKey())), identity(240))),
		"plain ASK, salt 32":                   with(huawei, plain.ask, huawei.exported),
		"certificates, no line feeds":          with(huawei, huawei.ask, keyJSON(t, pemText(t, authKey()), identity(240)+huawei.announces)),
		"uid a number":                         with(plain, plain.ask, strings.Replace(plain.exported, `"10115"`, `10115`, 1)),
		"ASK announces a salt, AuthKey not":    with(plain, huawei.ask, plain.exported),
		"AuthKey right after the ASK, counter": with(plain, plain.ask, strings.Replace(plain.exported, "240", "229", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			store := enrolled(t, p)
			kept, err := store.Find(t.Context(), authkeys.ID{OpenID: user, CPUID: cpuID, UID: uid})
			require.NoError(t, err)
			assert.Equal(t, p.salt, kept.Salt)
			assert.Equal(t, pemText(t, authKey()), kept.PubKey, "one form, whatever came")
			requireGenuine(t, authkeys.NewVerifier(store), p.answer(t, 241))
		})
	}
}

func TestEnrollRefusesAChainThatDoesNotHold(t *testing.T) {
	twin := newPhone(t)
	require.NoError(t, authkeys.Enroll(t.Context(), newStore(), twin.enrolment(t)))
	export := func(old, new string) func(*testing.T, *phone, *authkeys.Enrolment) {
		return func(t *testing.T, p *phone, e *authkeys.Enrolment) {
			require.Contains(t, p.exported, old)
			p.exported = strings.Replace(p.exported, old, new, 1)
			*e = p.enrolment(t) // signed after the change
		}
	}
	signedBy := func(key *rsa.PrivateKey, salt soter.Salt) func(*testing.T, *phone, *authkeys.Enrolment) {
		return func(t *testing.T, p *phone, e *authkeys.Enrolment) { e.Signature = sign(t, key, p.exported, salt) }
	}
	for name, c := range map[string]struct {
		breakIt func(*testing.T, *phone, *authkeys.Enrolment)
		reason  error
	}{
		"another device":             {export(cpuID, "another"), soter.ErrMismatch},
		"another app":                {export(uid, "10116"), soter.ErrMismatch},
		"counter of the ASK":         {export("240", "228"), soter.ErrMismatch},
		"counter 0":                  {export("240", "0"), soter.ErrMalformed},
		"salt 32 announced only":     {export(`"uid"`, `"rsa_pss_saltlen":32,"uid"`), soter.ErrWrongSignature},
		"a blank after signing":      {func(_ *testing.T, _ *phone, e *authkeys.Enrolment) { e.AuthKeyJSON = append(e.AuthKeyJSON, ' ') }, soter.ErrWrongSignature},
		"signed by another ASK":      {signedBy(anotherKey(), soter.Salt20), soter.ErrWrongSignature},
		"signed by the AuthKey":      {signedBy(authKey(), soter.Salt20), soter.ErrWrongSignature},
		"salt 32 not announced":      {signedBy(askKey(), soter.Salt32), soter.ErrWrongSignature},
		"no signature":               {func(_ *testing.T, _ *phone, e *authkeys.Enrolment) { e.Signature = soter.Signature{} }, soter.ErrWrongSignature},
		"no ASK":                     {func(_ *testing.T, _ *phone, e *authkeys.Enrolment) { e.ASKJSON = nil }, soter.ErrMalformed},
		"no AuthKey":                 {func(_ *testing.T, _ *phone, e *authkeys.Enrolment) { e.AuthKeyJSON = nil }, soter.ErrMalformed},
		"another phone's ASK":        {func(t *testing.T, p *phone, e *authkeys.Enrolment) { e.ASKJSON = []byte(p.exported) }, soter.ErrWrongSignature},
		"certificates of another ID": {func(t *testing.T, p *phone, e *authkeys.Enrolment) { *e = inCertificates(t, *p, cpuID, "another") }, soter.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			p, e := twin, twin.enrolment(t)
			c.breakIt(t, &p, &e)
			store := newStore()
			err := authkeys.Enroll(t.Context(), store, e)
			require.ErrorIs(t, err, c.reason)
			_, err = store.Find(t.Context(), authkeys.ID{OpenID: user, CPUID: cpuID, UID: uid})
			require.Error(t, err, "nothing was kept")
		})
	}
}

// inCertificates is an enrolment with an ASK in the certificate form and an
// AuthKey that names another cpu_id.
func inCertificates(t *testing.T, p phone, old, new string) authkeys.Enrolment {
	p.ask = certificateASK(t)
	p.exported = strings.Replace(p.exported, old, new, 1)
	return p.enrolment(t)
}

func TestOldExportDoesNotReplaceANewerKey(t *testing.T) {
	forEachStore(t, func(t *testing.T, store authkeys.Store) {
		old := newPhone(t)
		require.NoError(t, authkeys.Enroll(t.Context(), store, old.enrolment(t)))
		require.NoError(t, authkeys.Enroll(t.Context(), store, old.enrolment(t)), "it is kept already")

		renewed := old
		renewed.authKey, renewed.exported = anotherKey(), keyJSON(t, pemText(t, anotherKey()), identity(300))
		require.NoError(t, authkeys.Enroll(t.Context(), store, renewed.enrolment(t)))
		err := authkeys.Enroll(t.Context(), store, old.enrolment(t))
		require.ErrorIs(t, err, soter.ErrMismatch)
		require.ErrorContains(t, err, "counter 240 is not above 300")
		requireGenuine(t, authkeys.NewVerifier(store), renewed.answer(t, 301))

		of := old.enrolment(t)
		of.OpenID = "oAnother"
		require.NoError(t, authkeys.Enroll(t.Context(), store, of), "another user of the same phone")
	})
}
