package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/dev/hosting"
	"sotercall/internal/dev/sandbox"
)

// probe is one invocation of the mixed load, and the expected response.
type probe struct {
	name        string
	event       []byte
	environment map[string]string // of the invocation; such a probe is for SCF only
	isOK        bool
	code        int
	asked       bool // whether WeChat is called, so that its troubles count
}

// Users of the load, and the token for its HTTP endpoint.
const (
	alice  = "oSoak-Alice"
	bob    = "oSoak-Bob"
	bearer = "soak-bearer-token-is-no-secret"
)

// Error codes of the function, see README.
const (
	codeInvalid  = -501007
	codeClosed   = -604101
	codeTimeout  = -604102
	codeUpstream = -604103
	codeCaller   = -604104
	codeStale    = 40001 // WeChat: the access_token is not the current one
	codeOpenID   = 40003 // WeChat: an unknown user
)

// probes returns the load: genuine signatures of each make of phone, forgeries, and invalid
// requests, at several endpoints.
func probes(s *sandbox.Sandbox) ([]probe, error) {
	var all []probe
	var genuine sandbox.Signed
	for _, device := range []sandbox.Device{sandbox.Android, sandbox.IOS, sandbox.Huawei} {
		phone, err := s.Phone(alice, device)
		if err != nil {
			return nil, err
		}
		if genuine, err = phone.Sign("soak-challenge"); err != nil {
			return nil, err
		}
		all = append(all, probe{name: "genuine, " + string(device), event: hosting.Event(genuine), isOK: true, asked: true})
	}
	bobs, err := s.Phone(bob, sandbox.Huawei)
	if err != nil {
		return nil, err
	}
	another, err := bobs.Sign("soak-challenge")
	if err != nil {
		return nil, err
	}
	pkcs1, err := bobs.SignPKCS1v15("soak-challenge")
	if err != nil {
		return nil, err
	}
	all = append(all, forgeries(genuine, another, pkcs1)...)
	all = append(all, junk(genuine)...)
	return append(all, endpointProbes(genuine)...), nil
}

func forgeries(genuine, another, pkcs1 sandbox.Signed) []probe {
	text, signature, user := genuine, genuine, genuine
	text.JSONString = strings.Replace(text.JSONString, "soak", "s0ak", 1)
	signature.JSONSignature = another.JSONSignature
	user.OpenID = "oSoak-Nobody"
	another.OpenID = alice
	return []probe{
		{name: "a byte of the text changed", event: hosting.Event(text), asked: true},
		{name: "the signature of another text", event: hosting.Event(signature), asked: true},
		{name: "another user's result", event: hosting.Event(another), asked: true},
		{name: "PKCS #1 v1.5", event: hosting.Event(pkcs1), asked: true},
		{name: "an unknown user", event: hosting.Event(user), code: codeOpenID, asked: true},
	}
}

func junk(genuine sandbox.Signed) []probe {
	event := string(hosting.Event(genuine))
	var all []probe
	for name, text := range map[string]string{
		"null":             `null`,
		"an array":         `[` + event + `]`,
		"nothing in it":    `{}`,
		"twice an openid":  strings.Replace(event, `{`, `{"openid":"oSoak-Bob",`, 1),
		"an object inside": strings.Replace(event, `"jsonString":"`, `"jsonString":{},"was":"`, 1),
		"half an event":    event[:len(event)/2],
		"100 KiB":          `{"openid":"` + strings.Repeat("x", 100<<10) + `"}`,
	} {
		all = append(all, probe{name: "junk: " + name, event: []byte(text), code: codeInvalid})
	}
	return all
}

// endpointProbes returns probes over HTTP, and from pages.
func endpointProbes(genuine sandbox.Signed) []probe {
	withoutUser := genuine
	withoutUser.OpenID = ""
	return []probe{
		{name: "by HTTP", event: httpEvent(bearer, hosting.Event(genuine)), isOK: true, asked: true},
		{name: "by HTTP, a wrong token", event: httpEvent("wrong", hosting.Event(genuine)), code: codeClosed},
		{name: "from the user's page", event: hosting.Event(withoutUser), environment: hosting.PageCaller(alice), isOK: true, asked: true},
		{name: "from another user's page", event: hosting.Event(genuine), environment: hosting.PageCaller(bob), code: codeCaller},
	}
}

// httpEvent returns the event of an SCF function URL.
func httpEvent(token string, body []byte) []byte {
	event, err := json.Marshal(map[string]any{
		"httpMethod": "POST", "path": "/openapi/soter/verifySignature", "queryString": map[string]string{},
		"headers": map[string]string{"content-type": "application/json", "authorization": "Bearer " + token}, "body": string(body),
	})
	if err != nil {
		panic(err) // strings in UTF-8
	}
	return event
}

// judge returns what is wrong with a response; "" if nothing is. While WeChat is in
// trouble, a probe that calls it may get one of the codes excused, and no other. A genuine
// signature must never be reported as wrong.
func (q probe) judge(answer []byte, excused []int) string {
	var said struct {
		IsOK    *bool  `json:"isOk"`
		ErrCode *int   `json:"errCode"`
		ErrMsg  string `json:"errMsg"`
		Body    string `json:"body"` // of an HTTP response
	}
	payload := answer
	for range 2 {
		if err := json.Unmarshal(payload, &said); err != nil {
			return fmt.Sprintf("%s: %s is no answer", q.name, answer)
		}
		if said.Body == "" {
			break
		}
		payload, said.Body = []byte(said.Body), ""
	}
	switch {
	case said.IsOK == nil, said.ErrCode == nil:
		return fmt.Sprintf("%s: %s is no answer", q.name, answer)
	case *said.IsOK == q.isOK && *said.ErrCode == q.code:
		return ""
	case q.asked && !*said.IsOK && slices.Contains(excused, *said.ErrCode):
		return ""
	}
	return fmt.Sprintf("%s: %s, where isOk must be %t and errCode %d", q.name, jsontext.Value(answer), q.isOK, q.code)
}
