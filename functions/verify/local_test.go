package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// With SOTER_VERIFIER=local nobody is asked: no sandbox runs here.
func TestLocalVerifierFromAFile(t *testing.T) {
	s, err := sandbox.New(sandbox.Options{})
	require.NoError(t, err)
	phone, err := s.Phone("oLocal", sandbox.Huawei)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "authkeys.json")
	require.NoError(t, os.WriteFile(file, hosted.JSON(t, map[string]any{"authKeys": []any{map[string]any{
		"openid": "oLocal", "cpu_id": phone.CPUID(), "uid": phone.UID(), "pub_key": phone.AuthKey(), "counter": 1, "rsa_pss_saltlen": 32,
	}}}), 0o600))
	signed, err := phone.Sign("challenge")
	require.NoError(t, err)
	log := new(hosted.Log)
	for _, runtime := range hosted.Both(t, "verify", map[string]string{"SOTER_VERIFIER": "local", "AUTHKEYS_FILE": file}, hosted.Ample, log) {
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, hosted.JSON(t, signed), nil))
		forged := signed
		forged.JSONString = strings.Replace(forged.JSONString, "challenge", "ch4llenge", 1)
		assert.Contains(t, hosted.Invoke(t, runtime, hosted.JSON(t, forged), nil), `"isOk":false`)
		stranger := signed
		stranger.OpenID = "oStranger"
		assert.Contains(t, hosted.Invoke(t, runtime, hosted.JSON(t, stranger), nil), `"isOk":false,"errMsg":"openapi.soter.verifySignature:ok"`)
	}
	assert.Contains(t, log.String(), `"reason":`, "why is in the log")

	for platform, runtime := range hosted.Both(t, "verify", map[string]string{"SOTER_VERIFIER": "local", "AUTHKEYS_FILE": file}, hosted.Ample, log) {
		refused := hosted.Invoke(t, runtime, hosted.JSON(t, newChain(t).enrolment(t)), nil)
		assert.Contains(t, refused, "AuthKeys come from AUTHKEYS_FILE here, which is only read", platform)
		assert.Contains(t, refused, `"errCode":-604103`, platform)
	}
}

// openSourceSOTER is the chain that an app with Tencent/soter has on its hands.
type openSourceSOTER struct{ ask, authKey *rsa.PrivateKey }

func newChain(t *testing.T) openSourceSOTER {
	t.Helper()
	ask, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	authKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return openSourceSOTER{ask, authKey}
}

func keyJSON(t *testing.T, key *rsa.PrivateKey, counter int) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return string(hosted.JSON(t, map[string]any{"pub_key": string(text), "cpu_id": "c0ffee", "counter": counter, "uid": "10115"}))
}

func sign(t *testing.T, key *rsa.PrivateKey, text string) string {
	t.Helper()
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: 20})
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(signature)
}

func (c openSourceSOTER) enrolment(t *testing.T) map[string]string { return c.enrolmentWith(t, 5) }

func (c openSourceSOTER) enrolmentWith(t *testing.T, counter int) map[string]string {
	authKeyJSON := keyJSON(t, c.authKey, counter)
	return map[string]string{"call": "openapi.soter.enrollAuthKey", "openid": "oOwn", "askJson": keyJSON(t, c.ask, 4),
		"authKeyJson": authKeyJSON, "authKeySignature": sign(t, c.ask, authKeyJSON)}
}

func (c openSourceSOTER) result(t *testing.T, counter int) []byte {
	text := fmt.Sprintf(`{"raw":"challenge","fid":"1","counter":%d,"cpu_id":"c0ffee","uid":"10115"}`, counter)
	return hosted.JSON(t, sandbox.Signed{OpenID: "oOwn", JSONString: text, JSONSignature: sign(t, c.authKey, text)})
}

func TestEnrolledKeyVerifiesInTheWholeFleet(t *testing.T) {
	for name, start := range hosted.Stores {
		t.Run(name, func(t *testing.T) { enrolledKeyVerifies(t, start(t)) })
	}
}

func enrolledKeyVerifies(t *testing.T, store hosted.Store) {
	chain := newChain(t)
	variables := hosted.With(store.Variables, map[string]string{"SOTER_VERIFIER": "local", "COUNTER_POLICY": "enforce", "HTTP_AUTH": "platform"})
	on := hosted.Both(t, "verify", variables, hosted.Ample, new(hosted.Log))
	enrolment := hosted.JSON(t, chain.enrolment(t))

	assert.Contains(t, hosted.Invoke(t, on["scf"], chain.result(t, 6), nil), `"isOk":false`, "not enrolled yet")
	assert.Contains(t, hosted.Invoke(t, on["scf"], enrolment, hosted.PageCaller("oOwn")), `"errCode":-604104`, "not by a page")
	overHTTP := hosted.JSON(t, map[string]any{"httpMethod": "POST", "path": "/", "headers": map[string]string{}, "body": string(enrolment)})
	assert.Contains(t, hosted.Invoke(t, on["scf"], overHTTP, nil), `-501007`, "not over HTTP")
	assert.Contains(t, hosted.Invoke(t, on["lambda"], chain.result(t, 6), nil), `"isOk":false`, "still not")

	for _, platform := range []string{"lambda", "scf"} { // asking again is safe
		assert.Equal(t, `{"errMsg":"openapi.soter.enrollAuthKey:ok","errCode":0}`, hosted.Invoke(t, on[platform], enrolment, nil))
	}
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, on["scf"], chain.result(t, 7), nil))
	assert.Contains(t, hosted.Invoke(t, on["lambda"], chain.result(t, 7), nil), `"isOk":false`, "the counter has not grown")
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, on["lambda"], chain.result(t, 8), nil))

	store.Fail()
	down := hosted.Invoke(t, on["lambda"], chain.result(t, 9), nil)
	assert.Contains(t, down, `"errCode":-604103`)
	assert.Contains(t, down, `"isOk":false`)
}

// The platform's own token needs no AppSecret anywhere.
func TestCloudBaseTokenOfTheInvocation(t *testing.T) {
	s := hosted.NewSandbox(t, sandbox.Options{})
	token := s.CloudbaseAccessToken()
	log := new(hosted.Log)
	runtime := hosted.SCF(t, "verify", map[string]string{"WECHAT_API_BASE": s.URL, "ACCESS_TOKEN_MODE": "cloudbase", "HTTP_AUTH": "platform"}, hosted.Ample, log)
	event := hosted.JSON(t, hosted.Sample(t))
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, event, map[string]string{"WX_CLOUDBASE_ACCESSTOKEN": token, "TCB_SOURCE": "scf"}))
	last, _ := s.LastRequest(verifyPath)
	assert.True(t, strings.HasPrefix(last.RawQuery, "cloudbase_access_token="))
	assert.Contains(t, hosted.Invoke(t, runtime, event, nil), `"errCode":-604103`, "not the one of the invocation before")

	header := hosted.JSON(t, map[string]any{"httpMethod": "POST", "path": "/", "body": string(event),
		"headers": map[string]string{"x-wx-cloudbase-access-token": token}})
	assert.Contains(t, hosted.Invoke(t, runtime, header, nil), `\"isOk\":true`)
	fromPage := hosted.Invoke(t, runtime, header, hosted.PageCaller(sandbox.DemoOpenID))
	assert.Contains(t, fromPage, `-604103`, "a page writes no token of the platform's")
	assert.NotContains(t, log.String(), token)
}
