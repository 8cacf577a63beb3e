package authkeys_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/soter"
)

const fileExample = `{
  "authKeys": [
    {
      "openid": "oUser",
      "cpu_id": "0900",
      "uid": "10115",
      "pub_key": "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n",
      "counter": 240,
      "rsa_pss_saltlen": 20
    }
  ]
}
`

func TestFileFormat(t *testing.T) {
	keys, err := authkeys.ParseFile([]byte(fileExample))
	require.NoError(t, err)
	id := authkeys.ID{OpenID: "oUser", CPUID: "0900", UID: "10115"}
	want := authkeys.AuthKey{ID: id, PubKey: "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n", Counter: 240, Salt: soter.Salt20}
	assert.Equal(t, map[authkeys.ID]authkeys.AuthKey{id: want}, keys)
	keys, err = authkeys.ParseFile([]byte(strings.Replace(fileExample, ",\n      \"rsa_pss_saltlen\": 20", "", 1)))
	require.NoError(t, err)
	assert.Equal(t, want, keys[id], "without rsa_pss_saltlen it is 20")
}

func TestFileIsReadCompletelyOrNotAtAll(t *testing.T) {
	twin := strings.Replace(fileExample, "    {", `    {"openid":"v","cpu_id":"c","uid":"1","pub_key":"k","counter":1},{`, 1)
	keys, err := authkeys.ParseFile([]byte(twin))
	require.NoError(t, err)
	require.Len(t, keys, 2)

	for name, c := range map[string]struct{ old, new, says string }{
		"no openid":         {`"oUser"`, `""`, "entry 1 of authKeys has no openid"},
		"no cpu_id":         {`"0900"`, `""`, "has no cpu_id"},
		"no uid":            {`"uid": "10115"`, `"uid": ""`, "has no uid"},
		"no pub_key":        {`"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"`, `""`, "has no pub_key"},
		"counter 0":         {`240`, `0`, "has no counter above 0"},
		"counter negative":  {`240`, `-1`, "counter"},
		"counter broken":    {`240`, `1.5`, "counter"},
		"counter in quotes": {`240`, `"240"`, "counter"},
		"salt 16":           {`: 20`, `: 16`, "has rsa_pss_saltlen 16"},
		"an unknown name":   {`"uid": "10115"`, `"uid": "10115", "scene": 1`, "unknown"},
		"another case":      {`"openid": "oUser"`, `"openId": "oUser"`, "unknown"},
		"a name twice":      {`"uid": "10115"`, `"uid": "10115", "uid": "10116"`, "duplicate"},
		"an entry twice":    {`"openid":"v","cpu_id":"c","uid":"1"`, `"openid":"oUser","cpu_id":"0900","uid":"10115"`, "entry 1 of authKeys is duplicated: one before has the same openid, cpu_id and uid"},
		"text after it":     {"]\n}", "]\n}{}", "after top-level"},
		"no keys":           {`"authKeys"`, `"authkeys"`, "unknown"},
		"cut off":           {"]\n}", "]\n", "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, twin, c.old)
			keys, err := authkeys.ParseFile([]byte(strings.Replace(twin, c.old, c.new, 1)))
			require.ErrorContains(t, err, c.says)
			require.Nil(t, keys)
		})
	}
	for _, c := range []string{`{}`, `{"authKeys":null}`, `null`, `[]`, ``} {
		_, err := authkeys.ParseFile([]byte(c))
		require.Error(t, err, c)
	}
	_, err = authkeys.ParseFile([]byte(`{"authKeys":[]}` + strings.Repeat(" ", authkeys.MaxFile)))
	require.ErrorContains(t, err, "more than")
}
