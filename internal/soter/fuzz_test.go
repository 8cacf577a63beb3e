package soter

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

var resultSeeds = []string{
	twinResult, benchResult, string(tamperedMessage),
	`{"raw":"a\/b\u4e2d\ud83d\ude00","counter":"12","cpu_id":"c","uid":18446744073709551615,"fid":"\u0000"}`,
	`{"r\u0061w":"c","counter":7,"cpu_id":"c1","uid":"u1","RAW":"d","Counter":1e9,"x":null}`,
	`{"raw":"c","raw":"d","counter":7,"cpu_id":"c1","uid":"u1"}`,
	`{"raw":{},"counter":-7}`, `[]`, ``,
	"{\n\"raw\":\"c\",\"counter\":7,\"cpu_id\":\"c1\",\"uid\":\"u1\",\"fid\":\"ab\x00\"}",
	"{\"raw\":\"\\\\\x00\\\"\x1f\",\"x\":[{\"raw\":\"\x01\"}],\"counter\":[7],\"cpu_id\":\"\\\n\"}",
	`{"raw":"c","x":{"y":1,"y":2}}`, `{"raw":"c","rsa_pss_saltlen":64,"fid":1,"\ud800":1}`,
}

func FuzzParseResult(f *testing.F) {
	for _, seed := range resultSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		result, err := ParseResult(text)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			require.Zero(t, result)
			return
		}
		members := flatMembers(t, tolerated(text))
		requireIdentity(t, members, result.CPUID, result.UID, result.Counter, result.Salt)
		for name, got := range map[string]string{
			"raw": result.Raw, "fid": result.FID, "tee_n": result.TEEName, "tee_v": result.TEEVersion, "fp_n": result.FPName, "fp_v": result.FPVersion,
		} {
			want, _ := members[name].(string)
			require.Equal(t, want, got, name)
		}
		require.NotEmpty(t, result.Raw)

		answer, err := ParseClaims(text)
		require.NoError(t, err, "the other reader takes all of this")
		require.Equal(t, Claims{Raw: result.Raw, CPUID: result.CPUID, Counter: result.Counter}, answer)
	})
}

func FuzzParseClaims(f *testing.F) {
	for _, seed := range resultSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		answer, err := ParseClaims(text)
		strict := jsontext.Value(text).IsValid() // unique names included
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			require.Zero(t, answer)
			requireReason(t, text, strict)
			return
		}
		if !strings.ContainsFunc(text, isControl) {
			require.True(t, strict, "without control characters it is JSON")
		}
		var members map[string]any
		decoder := json.NewDecoder(bytes.NewReader(tolerated(text)))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&members))
		require.Equal(t, any(answer.Raw), members["raw"])
		require.NotEmpty(t, answer.Raw)

		// Readers that ignore case, and take the last of two, agree.
		var folded struct{ Raw string }
		require.NoError(t, json.Unmarshal(tolerated(text), &folded))
		require.Equal(t, folded.Raw, answer.Raw)

		require.Equal(t, answer.Uncounted != nil, answer.Counter == 0)
		require.Equal(t, answer.Uncounted != nil, answer.CPUID == "")
		if answer.Uncounted == nil {
			require.Equal(t, any(answer.CPUID), members["cpu_id"])
			counter := members["counter"]
			if number, ok := counter.(json.Number); ok {
				counter = number.String()
			}
			require.Equal(t, any(strconv.FormatUint(answer.Counter, 10)), counter)
		}
	})
}

// requireReason: a JSON object is refused only for its raw or for one of its names.
func requireReason(t *testing.T, text string, isJSON bool) {
	t.Helper()
	var members map[string]any
	if !isJSON || json.Unmarshal([]byte(text), &members) != nil || members == nil {
		return
	}
	for name := range members {
		if strings.ContainsFunc(name, isControl) || name != "raw" && strings.EqualFold(name, "raw") {
			return
		}
	}
	raw, isText := members["raw"].(string)
	require.False(t, isText && raw != "", "refused without a reason")
}

var stringToken = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*"`)

// tolerated is another way to make JSON of a text with control characters in its
// strings: token by token.
func tolerated(text string) []byte {
	return stringToken.ReplaceAllFunc([]byte(text), func(token []byte) []byte {
		var b bytes.Buffer
		for _, c := range token {
			if c < 0x20 {
				fmt.Fprintf(&b, `\u%04x`, c)
			} else {
				b.WriteByte(c)
			}
		}
		return b.Bytes()
	})
}

// flatMembers is encoding/json's reading of an accepted text.
func flatMembers(t *testing.T, text []byte) (members map[string]any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&members))
	require.False(t, decoder.More())
	for name, value := range members {
		switch value.(type) {
		case map[string]any, []any:
			require.Equal(t, "certs", name, "nested")
		}
	}
	return members
}

func requireIdentity(t *testing.T, members map[string]any, cpuID, uid string, counter uint64, salt Salt) {
	t.Helper()
	text := func(v any) string {
		switch v := v.(type) {
		case string:
			return v
		case json.Number:
			return v.String()
		}
		return ""
	}
	require.NotEmpty(t, cpuID)
	require.NotEmpty(t, uid)
	require.NotZero(t, counter)
	require.Equal(t, members["cpu_id"], any(cpuID))
	require.Equal(t, text(members["uid"]), uid)
	require.Equal(t, text(members["counter"]), strconv.FormatUint(counter, 10))
	if announced, ok := members["rsa_pss_saltlen"]; ok {
		require.Equal(t, text(announced), strconv.Itoa(int(salt)))
	}
	require.Contains(t, []Salt{Salt20, Salt32}, salt)
}

func FuzzParseAuthKey(f *testing.F) {
	twin := keyJSON(f, otherKey(), authKeyMembers)
	f.Add([]byte(twin))
	f.Add([]byte(strings.ReplaceAll(twin, `\n`, "\n")))
	f.Add([]byte(keyJSON(f, otherKey(), `"cpu_id":"c1","counter":"4","uid":10115,"rsa_pss_saltlen":32`)))
	f.Add([]byte(replacePubKey(twin, `"`+base64Text(spki(f, &otherKey().PublicKey))+`"`)))
	f.Add([]byte(strings.Replace(twin, `"uid"`, "\"u\nid\"", 1)))
	f.Add([]byte(`{"x\"pub_key":"` + "\n" + `"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		authKey, err := ParseAuthKey(text)
		require.Equal(t, before, text, "the signed bytes are left alone")
		if err != nil {
			require.True(t, errors.Is(err, ErrMalformed) || errors.Is(err, ErrWeakKey), "%v", err)
			require.Zero(t, authKey)
			return
		}
		requireSound(t, authKey.Key)
		// Line feeds are let pass in pub_key only, so JSON is made of the text
		// by escaping those that stand inside a string.
		members := flatMembers(t, escapeLineFeeds(text))
		requireExactCase(t, members)
		requireIdentity(t, members, authKey.CPUID, authKey.UID, authKey.Counter, authKey.Salt)
		if json.Valid(text) {
			key, err := ParsePublicKey([]byte(members["pub_key"].(string)))
			require.NoError(t, err)
			require.True(t, key.Equal(authKey.Key))
		}
	})
}

func FuzzParseASK(f *testing.F) {
	leaf, device := honestLeaf().build(f), deviceCertificate(f, otherKey())
	chain := []string{certPEM(leaf), certPEM(device)}
	f.Add([]byte(keyJSON(f, deviceKey(), `"cpu_id":"c1","counter":3,"uid":"10115"`)))
	f.Add(certsJSON(f, chain, ``))
	f.Add(certsJSON(f, chain, `,"cpu_id":"forged","uid":1,"counter":1`))
	f.Add(certsJSON(f, chain[:1], ``))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		ask, err := ParseASK(text)
		require.Equal(t, before, text)
		if err != nil {
			require.True(t, errors.Is(err, ErrMalformed) || errors.Is(err, ErrWeakKey) || errors.Is(err, ErrWrongSignature), "%v", err)
			require.Zero(t, ask)
			return
		}
		requireSound(t, ask.Key)
		members := flatMembers(t, escapeLineFeeds(text))
		requireExactCase(t, members)
		if ask.Certificates == nil {
			requireIdentity(t, members, ask.CPUID, ask.UID, ask.Counter, ask.Salt)
			return
		}
		require.Len(t, ask.Certificates, len(members["certs"].([]any)))
		for i, cert := range members["certs"].([]any) {
			requireSameBlock(t, cert.(string), ask.Certificates[i])
		}
		read, err := parseLeaf(ask.Certificates[0])
		require.NoError(t, err)
		require.NoError(t, read.checkSignedBy(ask.Certificates[1]))
		require.Equal(t, []any{read.cpuID, read.uid, read.counter, read.salt}, []any{ask.CPUID, ask.UID, ask.Counter, ask.Salt})
	})
}

// FuzzParseLeaf spares the fuzzer the way through JSON and base64.
func FuzzParseLeaf(f *testing.F) {
	f.Add(honestLeaf().build(f))
	f.Add(deviceCertificate(f, otherKey()))
	f.Fuzz(func(t *testing.T, der []byte) {
		leaf, err := parseLeaf(der)
		if err != nil {
			require.True(t, errors.Is(err, ErrMalformed) || errors.Is(err, ErrWeakKey), "%v", err)
			require.Zero(t, leaf)
			return
		}
		requireSound(t, leaf.key)
		require.True(t, bytes.Contains(der, leaf.signed))
		require.NotZero(t, leaf.counter)
		require.NotEmpty(t, leaf.uid)
	})
}

func FuzzParsePublicKey(f *testing.F) {
	der := spki(f, &deviceKey().PublicKey)
	text := string(publicKey(f, deviceKey()).PEM())
	f.Add([]byte(text))
	f.Add([]byte(strings.ReplaceAll(text, "PUBLIC KEY-----", "CERTIFICATE----")))
	f.Add([]byte(base64Text(der)))
	f.Add(der)
	f.Add(spki(f, &rsa.PublicKey{N: deviceKey().N, E: 3}))
	f.Add([]byte(strings.ReplaceAll(text, "-----\n", "-----MIIB\n")))
	f.Add([]byte(text + text))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := ParsePublicKey(data)
		if err != nil {
			require.True(t, errors.Is(err, ErrMalformed) || errors.Is(err, ErrWeakKey), "%v", err)
			require.Nil(t, key)
			return
		}
		requireSound(t, key)
		if data[0] != 0x30 || data[1] < 0x80 {
			requireSameKey(t, data, key)
		}
	})
}

// requireSound checks what every accepted key keeps to.
func requireSound(t *testing.T, key *PublicKey) {
	t.Helper()
	require.Equal(t, 2048, key.rsa.N.BitLen())
	require.Equal(t, 65537, key.rsa.E)
	require.Equal(t, uint(1), key.rsa.N.Bit(0))
	again, err := ParsePublicKey(key.PEM())
	require.NoError(t, err)
	require.True(t, key.Equal(again))
	require.Equal(t, key.PEM(), again.PEM())
}

func FuzzParseSignature(f *testing.F) {
	text := base64Text(filled(256, 0xfb))
	f.Add(text)
	f.Add(text + "\n")
	f.Add(strings.ReplaceAll(text, "+", "-"))
	f.Add(text[:341] + "x==")
	f.Add(text[:341] + "\r\n=")
	f.Fuzz(func(t *testing.T, text string) {
		sig, err := ParseSignature(text)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			require.Zero(t, sig)
			decoded, err := base64.StdEncoding.Strict().DecodeString(text)
			require.False(t, err == nil && len(decoded) == 256 && len(text) == 344, "refused without a reason")
			return
		}
		require.Equal(t, text, encodeSignature(sig), "one text per signature")
	})
}
