package soter

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keyJSON is a key's export, with the PEM escaped as a device would.
func keyJSON(t testing.TB, key *rsa.PrivateKey, members string) string {
	t.Helper()
	quoted, err := json.Marshal(string(publicKey(t, key).PEM()))
	require.NoError(t, err)
	return fmt.Sprintf(`{"pub_key":%s,%s}`, strings.ReplaceAll(string(quoted), "/", `\/`), members)
}

func twinASK(t testing.TB) ASK {
	t.Helper()
	ask, err := ParseASK([]byte(keyJSON(t, deviceKey(), `"cpu_id":"c1","counter":3,"uid":"10115"`)))
	require.NoError(t, err)
	return ask
}

const authKeyMembers = `"cpu_id":"c1","counter":4,"uid":"10115"`

func TestVerifyAuthKey(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		salt Salt
	}{
		"plain":                   {keyJSON(t, otherKey(), authKeyMembers), Salt20},
		"salt announced":          {keyJSON(t, otherKey(), authKeyMembers+`,"rsa_pss_saltlen":32`), Salt32},
		"uid a number":            {keyJSON(t, otherKey(), `"cpu_id":"c1","counter":4,"uid":10115`), Salt20},
		"line feeds in pub_key":   {strings.ReplaceAll(keyJSON(t, otherKey(), authKeyMembers), `\n`, "\n"), Salt20},
		"blanks around the colon": {strings.Replace(strings.ReplaceAll(keyJSON(t, otherKey(), authKeyMembers), `\n`, "\n"), `"pub_key":`, "\"pub_key\"\n : ", 1), Salt20},
	} {
		t.Run(name, func(t *testing.T) {
			text := []byte(c.text)
			sig := sign(t, deviceKey(), text, c.salt)
			got, err := VerifyAuthKey(twinASK(t), text, sig[:])
			require.NoError(t, err)
			assert.True(t, got.Key.Equal(publicKey(t, otherKey())))
			got.Key = nil
			assert.Equal(t, AuthKey{CPUID: "c1", UID: "10115", Counter: 4, Salt: c.salt}, got)
		})
	}
}

func TestVerifyAuthKeyRefuses(t *testing.T) {
	twin := keyJSON(t, otherKey(), authKeyMembers)
	signed := func(text string, key *rsa.PrivateKey, salt Salt) []byte {
		sig := sign(t, key, []byte(text), salt)
		return sig[:]
	}
	_, err := VerifyAuthKey(twinASK(t), []byte(twin), signed(twin, deviceKey(), Salt20))
	require.NoError(t, err, "the twin")

	for name, c := range map[string]struct {
		old, new string // in the text, before it is signed
		reason   error
		message  string
	}{
		"another device":    {`"c1"`, `"c2"`, ErrMismatch, "cpu_id differs"},
		"another app":       {`"10115"`, `"10116"`, ErrMismatch, "uid differs"},
		"counter as before": {`:4`, `:3`, ErrMismatch, "counter 3"},
		"counter went back": {`:4`, `:2`, ErrMismatch, "counter 2"},
		"counter 0":         {`:4`, `:0`, ErrMalformed, `"counter" is 0`},
		"no key":            {`"pub_key"`, `"pubkey"`, ErrMalformed, "pub_key is missing"},
		"no uid":            {`"uid"`, `"u_id"`, ErrMalformed, "uid is missing"},
		"salt 0":            {`:4`, `:4,"rsa_pss_saltlen":0`, ErrMalformed, "neither 20 nor 32"},
		"salt 32 announced": {`:4`, `:4,"rsa_pss_saltlen":32`, ErrWrongSignature, "wrong signature"},
		"duplicate":         {`"uid"`, `"cpu_id":"c1","uid"`, ErrMalformed, "duplicate"},
		"nested":            {`"uid"`, `"certs":[],"uid"`, ErrMalformed, `"certs" is nested`},
		"CRLF in pub_key":   {`\n`, "\r\n", ErrMalformed, "invalid character"},
		"tab in pub_key":    {`\n`, "\t", ErrMalformed, "invalid character"},
		"line feed in uid":  {`"10115"`, "\"10115\n\"", ErrMalformed, "invalid character"},
		"line feed in name": {`"uid"`, "\"uid\n\"", ErrMalformed, "invalid character"},
		"no PEM":            {`BEGIN`, `BEGUN`, ErrMalformed, "public key"},
		"too long":          {`"uid"`, `"x":"` + strings.Repeat("x", 8<<10) + `","uid"`, ErrMalformed, "at most 8192"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, twin, c.old)
			text := strings.Replace(twin, c.old, c.new, 1)
			got, err := VerifyAuthKey(twinASK(t), []byte(text), signed(text, deviceKey(), Salt20))
			require.ErrorIs(t, err, c.reason)
			require.ErrorContains(t, err, c.message)
			require.Zero(t, got)
		})
	}

	good := signed(twin, deviceKey(), Salt20)
	for name, c := range map[string]struct {
		ask       ASK
		signature []byte
		reason    error
	}{
		"signed by another ASK":   {twinASK(t), signed(twin, otherKey(), Salt20), ErrWrongSignature},
		"salt 32, not announced":  {twinASK(t), signed(twin, deviceKey(), Salt32), ErrWrongSignature},
		"signature of other text": {twinASK(t), signed(twin+" ", deviceKey(), Salt20), ErrWrongSignature},
		"signature all zeros":     {twinASK(t), make([]byte, 256), ErrWrongSignature},
		"signature short":         {twinASK(t), good[1:], ErrMalformed},
		"signature long":          {twinASK(t), append(slices.Clone(good), 0), ErrMalformed},
		"no signature":            {twinASK(t), nil, ErrMalformed},
		"no ASK":                  {ASK{}, good, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := VerifyAuthKey(c.ask, []byte(twin), c.signature)
			require.ErrorIs(t, err, c.reason)
			require.Zero(t, got)
		})
	}
}

func TestVerifyAuthKeySignsTheBytesAsTheyCame(t *testing.T) {
	// Not every key has a slash in its base64.
	raw := strings.ReplaceAll(keyJSON(t, otherKey(), authKeyMembers+`,"x":"\/"`), `\n`, "\n")
	sig := sign(t, deviceKey(), []byte(raw), Salt20)
	_, err := VerifyAuthKey(twinASK(t), []byte(raw), sig[:])
	require.NoError(t, err, "the twin")
	for name, text := range map[string]string{
		"line feeds escaped": strings.ReplaceAll(raw, "\n", `\n`),
		"slashes unescaped":  strings.ReplaceAll(raw, `\/`, "/"),
		"line feed appended": raw + "\n",
	} {
		_, err := VerifyAuthKey(twinASK(t), []byte(text), sig[:])
		require.ErrorIs(t, err, ErrWrongSignature, name)
	}
}

func TestParseAuthKeyRefusesAWeakKey(t *testing.T) {
	weak := keyJSON(t, otherKey(), authKeyMembers)
	three := spki(t, &rsa.PublicKey{N: otherKey().N, E: 3})
	weak = replacePubKey(weak, string(jsonQuote(t, base64Text(three))))
	got, err := ParseAuthKey([]byte(weak))
	require.ErrorIs(t, err, ErrWeakKey)
	require.Zero(t, got)

	bare := replacePubKey(weak, string(jsonQuote(t, base64Text(spki(t, &otherKey().PublicKey)))))
	_, err = ParseAuthKey([]byte(bare))
	require.NoError(t, err, "the twin: bare base64, as emulators export")
}
