package authkeys_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/openapi"
	"sotercall/internal/test/need"
)

// vectors answers a reader of the folder that SOTER_VECTORS names, whose soter/
// holds Tencent/soter's soter-samples/server-sample/java/example.
func vectors(t *testing.T) func(name string) string {
	folder := os.Getenv("SOTER_VECTORS")
	if folder == "" {
		need.Optional(t, errors.New("SOTER_VECTORS is not set"))
	}
	return func(name string) string {
		content, err := os.ReadFile(filepath.Join(folder, "soter", name))
		require.NoError(t, err)
		return string(content)
	}
}

// requireOnlyGenuine has a result accepted, and refused when anything about it
// is changed.
func requireOnlyGenuine(t *testing.T, store authkeys.Finder, r openapi.Request) {
	t.Helper()
	v := authkeys.NewVerifier(store)
	requireGenuine(t, v, r)
	for _, tampered := range []func(*openapi.Request){
		func(r *openapi.Request) { r.JSONString = strings.Replace(r.JSONString, `"counter":`, `"counter":1`, 1) },
		func(r *openapi.Request) { r.JSONString += "\n" },
		func(r *openapi.Request) { r.JSONSignature = flip(r.JSONSignature) },
	} {
		twin := r
		tampered(&twin)
		requireWrong(t, v, twin, "wrong signature")
	}
	r.OpenID = "oEve"
	requireWrong(t, v, r, "no AuthKey is enrolled")
}

func TestVectorsOfAMediaTekPhone(t *testing.T) {
	read := vectors(t)
	// The sample has the ASK's key alone; its identity is the AuthKey's.
	ask := keyJSON(t, read("ask.pem"), `"cpu_id":"0900000026030000241a1e8e9e44c3a8e05b9c0c","uid":"10115","counter":239`)
	event := fmt.Sprintf(`{"call":"openapi.soter.enrollAuthKey","openid":%q,"askJson":%s,"authKeyJson":%s,"authKeySignature":%q}`,
		user, quote(t, ask), quote(t, read("auth_key_json.txt")), base64Text([]byte(read("auth_key_signature.bin"))))
	store := newStore()
	for _, damage := range [][2]string{{`\\/`, `/`}, {"10115", "10116"}, {`:240`, `:241`}} {
		require.Contains(t, event, damage[0])
		at := strings.Index(event, `"authKeyJson"`)
		damaged := event[:at] + strings.Replace(event[at:], damage[0], damage[1], 1)
		require.NotEqual(t, event, damaged)
		require.Contains(t, enrolledBy(t, store, damaged), "AuthKey: wrong signature")
	}
	require.Equal(t, ok, enrolledBy(t, store, event))
	requireOnlyGenuine(t, store, openapi.Request{
		OpenID: user, JSONString: read("final_json.txt"), JSONSignature: base64Text([]byte(read("final_signature.bin"))),
	})
}

func TestVectorsOfAHuaweiPhone(t *testing.T) {
	read := vectors(t)
	event := fmt.Sprintf(`{"call":"openapi.soter.enrollAuthKey","openid":%q,"askJson":%s,"authKeyJson":%s,"authKeySignature":%q}`,
		user, quote(t, read("hw_ask_cert_json.txt")), quote(t, read("hw_auth_key_json.txt")), read("hw_auth_key_signature.txt"))
	path := filepath.Join(t.TempDir(), "authkeys.json")
	store := newStore()
	escaped := strings.ReplaceAll(read("hw_auth_key_json.txt"), "\n", `\n`)
	damaged := strings.Replace(event, quote(t, read("hw_auth_key_json.txt")), quote(t, escaped), 1)
	require.NotEqual(t, event, damaged)
	require.Contains(t, enrolledBy(t, store, damaged), "AuthKey: wrong signature", "the line feeds were signed unescaped")
	require.Equal(t, ok, enrolledBy(t, store, event))

	// The final result of the sample was signed in another scene, so that the
	// AuthKey of the chain refuses it. That scene's key, which comes without a
	// signature, is entered by hand.
	final := openapi.Request{OpenID: user, JSONString: read("hw_final_json.txt"), JSONSignature: read("hw_final_signature.txt")}
	requireWrong(t, authkeys.NewVerifier(store), final, "wrong signature")
	content := fmt.Sprintf(`{"authKeys":[{"openid":%q,"cpu_id":"HUAWEI_HWHMA_604a9644-ac64-423d-a718-dab935a1140e-3b0e1228","uid":"10316","counter":47,"rsa_pss_saltlen":32,"pub_key":%s}]}`,
		user, quote(t, read("hw_auth_key.pem")))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	requireOnlyGenuine(t, authkeys.NewFile(path), final)
}
