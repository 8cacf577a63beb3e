package sandbox

import (
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"sotercall/internal/soter"
)

// DemoOpenID is a user who is enrolled in every sandbox, with one AuthKey whose
// private half nobody keeps: what it signed is in deploy/events, and stays
// genuine for ever.
const DemoOpenID = "oSandbox-DemoUser_0000000001"

const (
	demoCPUID = "5a9d0b7c41e2f3886c10"
	demoUID   = "10203"
)

//go:embed demo/authkey.pem
var demoAuthKey []byte

// authKey is a public AuthKey and the identity under which it was enrolled.
type authKey struct {
	cpuID, uid string
	key        *soter.PublicKey
}

var demo = sync.OnceValues(func() (authKey, error) {
	key, err := soter.ParsePublicKey(demoAuthKey)
	if err != nil {
		return authKey{}, fmt.Errorf("sandbox: the demo user's AuthKey: %w", err)
	}
	return authKey{cpuID: demoCPUID, uid: demoUID, key: key}, nil
})

// verdict is the answer to verify_signature in the form of the documentation's
// example. FaultBare brings the shorter form of its guide.
type verdict struct {
	ErrCode int    `json:"errcode"`
	ErrMsg  string `json:"errmsg"`
	IsOK    bool   `json:"is_ok"`
}

func (s *Sandbox) verifySignature(r *http.Request, body []byte) (any, error) {
	if err := s.checkToken(r.URL.Query()); err != nil {
		return nil, err
	}
	if r.Method != http.MethodPost {
		return nil, &apiError{code: codePostRequired}
	}
	m, err := parseMembers(body)
	if err != nil {
		return nil, err
	}
	return s.judge(m)
}

// judge answers a question whose parameters have been read.
func (s *Sandbox) judge(m members) (any, error) {
	p, err := m.texts("openid", "json_string", "json_signature")
	if err != nil {
		return nil, err
	}
	genuine, err := s.genuine(p[0], p[1], p[2])
	if err != nil {
		return nil, err
	}
	return verdict{ErrCode: 0, ErrMsg: "ok", IsOK: genuine}, nil
}

// checkToken takes the token from the URL and nowhere else, like WeChat.
func (s *Sandbox) checkToken(query url.Values) error {
	token := query.Get("access_token")
	if token == "" {
		token = query.Get("cloudbase_access_token")
	}
	if token == "" {
		return &apiError{code: codeNoToken}
	}
	if code := s.tokens.check(token); code != 0 {
		return &apiError{code: code}
	}
	return nil
}

// genuine tells whether one of the openid's phones signed jsonString. The
// errors: 40003 for an openid that has no phone here, which is how WeChat words
// an openid of another app; anything else means that the phones could not be
// read.
//
// A signature or a text that is not even well formed is plainly not genuine, as
// WeChat's staff answered in the developer community (post
// 0008ec05574f1804c7180421051000): is_ok false is the answer to a wrong
// signature, never an errcode.
//
// A repeated counter is not refused. Nobody documents that WeChat does, so who
// depends on it should find out here.
func (s *Sandbox) genuine(openid, jsonString, jsonSignature string) (bool, error) {
	keys, err := s.authKeys(openid)
	if err != nil {
		return false, err
	}
	if len(keys) == 0 {
		return false, &apiError{code: codeBadOpenID}
	}
	for _, k := range keys {
		result, err := k.key.VerifyResult(jsonString, jsonSignature)
		if errors.Is(err, soter.ErrWrongSignature) || errors.Is(err, soter.ErrMalformed) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("sandbox: judging a signature: %w", err)
		}
		if result.CPUID == k.cpuID && result.UID == k.uid {
			return true, nil
		}
	}
	return false, nil
}

// authKeys reads the phones anew at each call: another process may have
// enrolled one in the meantime.
func (s *Sandbox) authKeys(openid string) ([]authKey, error) {
	var keys []authKey
	if openid == DemoOpenID {
		key, err := demo()
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if checkOpenID(openid) != nil {
		return nil, nil // nobody can be enrolled under it
	}
	records, err := s.phones.of(openid)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		key, err := soter.ParsePublicKey([]byte(r.AuthKey))
		if err != nil {
			return nil, fmt.Errorf("sandbox: AuthKey of the %s phone of %q: %w", r.Device, openid, err)
		}
		keys = append(keys, authKey{cpuID: r.CPUID, uid: r.UID, key: key})
	}
	return keys, nil
}
