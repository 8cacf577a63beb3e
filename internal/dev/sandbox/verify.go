package sandbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"sotercall/internal/soter"
)

// DemoOpenID is a user of the first app of every sandbox, with one AuthKey whose private
// half was thrown away. Its signatures are in deploy/events, and stay genuine forever.
const DemoOpenID = "oSandbox-DemoUser_0000000001"

//go:embed demo/authkey.pem
var demoAuthKey []byte

// authKey is a public AuthKey and the length of its phone's salt.
type authKey struct {
	key  *rsa.PublicKey
	salt int
}

func parseAuthKey(text []byte, salt int) (authKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return authKey{}, errors.New("is not PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return authKey{}, err
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return authKey{}, fmt.Errorf("is a %T, want RSA", key)
	}
	return authKey{key: public, salt: salt}, nil
}

// signed reports whether the key signed the bytes of text.
func (k authKey) signed(text string, signature soter.Signature) (bool, error) {
	digest := sha256.Sum256([]byte(text))
	err := rsa.VerifyPSS(k.key, crypto.SHA256, digest[:], signature[:], &rsa.PSSOptions{SaltLength: k.salt, Hash: crypto.SHA256})
	if errors.Is(err, rsa.ErrVerification) {
		return false, nil
	}
	return err == nil, err
}

var demo = sync.OnceValues(func() (authKey, error) {
	key, err := parseAuthKey(demoAuthKey, 20)
	if err != nil {
		return authKey{}, fmt.Errorf("sandbox: the demo user's AuthKey: %w", err)
	}
	return key, nil
})

// verdict is the reply of verify_signature in the form of the documentation's example.
// FaultBare gives the shorter form of its guide.
type verdict struct {
	ErrCode int    `json:"errcode"`
	ErrMsg  string `json:"errmsg"`
	IsOK    bool   `json:"is_ok"`
}

func (s *Sandbox) verifySignature(r *http.Request, body []byte) (any, error) {
	app, err := s.checkToken(r.URL.Query())
	if err != nil {
		return nil, err
	}
	return app.verifySignature(r, body)
}

// verifySignature handles the call for the users of one app.
func (a *App) verifySignature(r *http.Request, body []byte) (any, error) {
	if r.Method != http.MethodPost {
		return nil, &apiError{code: codePostRequired}
	}
	m, err := parseMembers(body)
	if err != nil {
		return nil, err
	}
	return a.judge(m)
}

// judge handles a request whose parameters have been read.
func (a *App) judge(m members) (any, error) {
	p, err := m.texts("openid", "json_string", "json_signature")
	if err != nil {
		return nil, err
	}
	genuine, err := a.genuine(p[0], p[1], p[2])
	if err != nil {
		return nil, err
	}
	return verdict{ErrCode: 0, ErrMsg: "ok", IsOK: genuine}, nil
}

// checkToken returns the app of a request's token.
func (s *Sandbox) checkToken(query url.Values) (*App, error) {
	token := tokenOf(query)
	if token == "" {
		return nil, &apiError{code: codeNoToken}
	}
	app, code := s.appOfToken(token)
	if code != 0 {
		return nil, &apiError{code: code}
	}
	return app, nil
}

// tokenOf reads the token from the URL only, like WeChat.
func tokenOf(query url.Values) string {
	if token := query.Get("access_token"); token != "" {
		return token
	}
	return query.Get("cloudbase_access_token")
}

// genuine reports whether one of the openid's phones signed jsonString. The error is 40003
// for an openid without a phone here or of another app, as WeChat's is. Any other error
// means that the phones could not be read.
//
// The bytes of jsonString are judged, not its content: phones write what JSON parsers
// refuse, see [Devices]. A malformed signature is not genuine, as WeChat's staff answered
// in the developer community (post 0008ec05574f1804c7180421051000): a wrong signature is
// is_ok false, never an errcode.
//
// A repeated counter is not refused. WeChat is not documented to refuse it, so code that
// depends on it should fail here.
func (a *App) genuine(openid, jsonString, jsonSignature string) (bool, error) {
	keys, err := a.authKeys(openid)
	if err != nil {
		return false, err
	}
	if len(keys) == 0 {
		return false, &apiError{code: codeBadOpenID}
	}
	signature, err := soter.ParseSignature(jsonSignature)
	if err != nil {
		return false, nil
	}
	for _, k := range keys {
		ok, err := k.signed(jsonString, signature)
		if err != nil {
			return false, fmt.Errorf("sandbox: judging a signature: %w", err)
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// authKeys reads the phones anew at each call: another process may have enrolled one in the
// meantime.
func (a *App) authKeys(openid string) ([]authKey, error) {
	var keys []authKey
	if openid == DemoOpenID && a == a.sandbox.app {
		key, err := demo()
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if checkOpenID(openid) != nil {
		return nil, nil // nobody can be enrolled under it
	}
	records, err := a.sandbox.phones.of(openid)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if !a.owns(r) {
			continue
		}
		m, err := r.Device.model()
		if err != nil {
			return nil, err
		}
		key, err := parseAuthKey([]byte(r.AuthKey), m.salt)
		if err != nil {
			return nil, fmt.Errorf("sandbox: AuthKey of the %s phone of %q: %w", r.Device, openid, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
