package soter

import (
	"encoding/base64"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseSignature(t *testing.T) {
	want := Signature(filled(256, 0xfb)) // "+" and "/" both occur
	text := base64.StdEncoding.EncodeToString(want[:])
	require.Contains(t, text, "+")
	got, err := ParseSignature(text)
	require.NoError(t, err)
	require.Equal(t, want, got)

	encode := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct{ text, reason string }{
		"empty":               {"", "has 0 characters"},
		"255 bytes":           {encode(want[:255]), "has 340 characters"},
		"257 bytes":           {encode(append(want[:], 0)), "not canonical base64"},
		"leading zero byte":   {encode(append([]byte{0}, want[:]...)), "not canonical base64"},
		"258 bytes":           {encode(append(want[:], 0, 0)), "not canonical base64"},
		"259 bytes":           {encode(append(want[:], 0, 0, 0)), "has 348 characters"},
		"padding missing":     {strings.TrimRight(text, "="), "has 342 characters"},
		"line end":            {text + "\n", "has 345 characters"},
		"line feed inside":    {text[:76] + "\n" + text[77:], "line break"},
		"CR inside":           {text[:76] + "\r" + text[77:], "line break"},
		"URL-safe minus":      {strings.ReplaceAll(text, "+", "-"), "URL-safe"},
		"URL-safe underscore": {strings.ReplaceAll(encode(filled(256, 0xff)), "/", "_"), "URL-safe"},
		"blank for plus":      {strings.Replace(text, "+", " ", 1), "blank"},
		"not base64":          {"*" + text[1:], "not canonical base64"},
		"NUL":                 {"\x00" + text[1:], "not canonical base64"},
		"padding too early":   {text[:341] + "===", "not canonical base64"},
		"bits after the end":  {encode(filled(256, 0xff))[:341] + "x==", "not canonical base64"},
		"256 characters":      {strings.Repeat("A", 344), "not canonical base64"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseSignature(c.text)
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, c.reason)
			require.Zero(t, got)
			require.NotContains(t, err.Error(), text[4:20], "the signature itself")
		})
	}
}

func TestVerifyResult(t *testing.T) {
	key := publicKey(t, deviceKey())
	const plain = `{"raw":"c","counter":7,"cpu_id":"c1","uid":"u1"}`
	const announced = `{"raw":"c","counter":7,"cpu_id":"c1","uid":"u1","rsa_pss_saltlen":32}`
	signed := func(text string, salt Salt) string { return encodeSignature(sign(t, deviceKey(), []byte(text), salt)) }

	result, err := key.VerifyResult(plain, signed(plain, Salt20))
	require.NoError(t, err)
	assert.Equal(t, Result{Raw: "c", Counter: 7, CPUID: "c1", UID: "u1", Salt: Salt20}, result)
	result, err = key.VerifyResult(announced, signed(announced, Salt32))
	require.NoError(t, err)
	assert.Equal(t, Result{Raw: "c", Counter: 7, CPUID: "c1", UID: "u1", Salt: Salt32}, result)

	for name, c := range map[string]struct {
		text, signature string
		reason          error
	}{
		"salt of 32, not announced":            {plain, signed(plain, Salt32), ErrWrongSignature},
		"salt of 20, 32 announced":             {announced, signed(announced, Salt20), ErrWrongSignature},
		"signature of another result":          {plain, signed(announced, Salt20), ErrWrongSignature},
		"members in another order":             {`{"counter":7,"raw":"c","cpu_id":"c1","uid":"u1"}`, signed(plain, Salt20), ErrWrongSignature},
		"signature in URL-safe base64":         {plain, strings.NewReplacer("+", "-", "/", "_").Replace(signed(plain, Salt20)) + "-", ErrMalformed},
		"well signed, but not a result":        {`{"raw":"c"}`, signed(`{"raw":"c"}`, Salt20), ErrMalformed},
		"well signed, with any salt announced": {strings.Replace(announced, "32", "0", 1), signed(strings.Replace(announced, "32", "0", 1), Salt20), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := key.VerifyResult(c.text, c.signature)
			require.ErrorIs(t, err, c.reason)
			require.Zero(t, result)
		})
	}
	_, err = publicKey(t, otherKey()).VerifyResult(plain, signed(plain, Salt20))
	require.ErrorIs(t, err, ErrWrongSignature)
}

func TestAKeyServesManyGoroutines(t *testing.T) {
	key := publicKey(t, deviceKey())
	text := string(tamperedMessage)
	good := encodeSignature(sign(t, deviceKey(), tamperedMessage, Salt20))
	bad := encodeSignature(sign(t, otherKey(), tamperedMessage, Salt20))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 10 {
				_, err := key.VerifyResult(text, good)
				assert.NoError(t, err)
				_, err = key.VerifyResult(text, bad)
				assert.ErrorIs(t, err, ErrWrongSignature)
			}
		})
	}
	group.Wait()
}
