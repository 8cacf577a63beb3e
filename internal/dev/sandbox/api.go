package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/dev/rule"
)

// maxBody bounds a request, in bytes; a real verification has about one thousand.
const maxBody = 1 << 20

// WeChat's error codes that the sandbox returns without a fault.
const (
	codeSystem           = -1
	codeBadToken         = 40001
	codeBadGrantType     = 40002
	codeBadOpenID        = 40003
	codeBadAppID         = 40013
	codeBadURL           = 40066
	codeBadSecret        = 40125
	codeNoToken          = 41001
	codeNoAppID          = 41002
	codeNoSecret         = 41004
	codeExpired          = 42001
	codeGetRequired      = 43001
	codePostRequired     = 43002
	codeEmptyBody        = 44002
	codeDailyQuota       = 45009
	codeMalformedRequest = 47001
	codeNotListed        = 85107
)

// getStable is the advice that WeChat appends to errors that stable tokens would have
// avoided.
const getStable = ", could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"

// texts are WeChat's texts for its codes, up to the rid. A client must not depend on them.
// They come from recorded replies, or else from the documentation's tables of codes, which
// are partly Chinese.
var texts = map[int]string{
	codeSystem:           "system error",
	codeBadToken:         "invalid credential, access_token is invalid or not latest" + getStable,
	codeBadGrantType:     "invalid grant_type",
	codeBadOpenID:        "invalid openid",
	codeBadAppID:         "invalid appid",
	40014:                "invalid access_token",
	codeBadURL:           "invalid url",
	codeBadSecret:        "invalid appsecret",
	40164:                "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist",
	codeNoToken:          "access_token missing",
	codeNoAppID:          "appid missing",
	codeNoSecret:         "appsecret missing",
	codeExpired:          "access_token expired",
	codeNotListed:        "URL不在白名单内,请前往「微信云托管控制台-服务管理-云调用-微信令牌」配置",
	85112:                "cloudbase_secret not found",
	85113:                "cloudbase_token is not ready yet, please try again later",
	codeGetRequired:      "require GET method",
	codePostRequired:     "require POST method",
	codeEmptyBody:        "empty post data",
	codeDailyQuota:       "reach max api daily quota limit",
	45011:                "api minute-quota reach limit, must slower, retry next minute",
	codeMalformedRequest: "data format error",
	40243:                "AppSecret已被冻结，请解冻后再次调用。",
	48001:                "api unauthorized",
	50002:                "user limited",
	50004:                "user not allow to use accesstoken, maybe for punishment",
	50007:                "账号已冻结",
	61024:                "第三方平台 API 需要使用第三方平台专用 token",
	89501:                "此IP正在等待管理员确认,请联系管理员",
	89503:                "此次调用需要管理员确认，请耐心等候",
	89506:                "该IP调用求请求已被公众号管理员拒绝，请24小时后再试，建议调用前与管理员沟通确认",
	89507:                "该IP调用求请求已被公众号管理员拒绝，请1小时后再试，建议调用前与管理员沟通确认",
}

// classicTexts are the texts of /cgi-bin/token where they differ.
var classicTexts = map[int]string{
	codeDailyQuota: texts[codeDailyQuota] + getStable,
}

// apiError is a reply of WeChat with errcode ≠ 0.
type apiError struct {
	code int
	text string // without the rid; "" means the usual text of code
}

func (e *apiError) Error() string { return fmt.Sprintf("errcode %d: %s", e.code, e.message("")) }

// message returns the text, without the rid, in the words of an API path.
func (e *apiError) message(path string) string {
	if e.text != "" {
		return e.text
	}
	if text, ok := classicTexts[e.code]; ok && path == classicPath {
		return text
	}
	if text, ok := texts[e.code]; ok {
		return text
	}
	return "sandbox fault"
}

type failure struct {
	ErrCode int    `json:"errcode"`
	ErrMsg  string `json:"errmsg"`
}

// answerer returns the reply to an API request whose body has been read. An error that is
// not an *apiError is a failure of the sandbox itself.
type answerer func(r *http.Request, body []byte) (any, error)

// answered writes every response with HTTP status 200, errors included, as WeChat does.
func (s *Sandbox) answered(answer answerer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // in memory since observed
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		reply, err := answer(r, body)
		if err != nil {
			reply = s.failure(r, err)
		}
		s.write(w, r, reply)
	})
}

// failure returns an error as WeChat's reply, with a rid.
func (s *Sandbox) failure(r *http.Request, err error) failure {
	var refusal *apiError
	if !errors.As(err, &refusal) {
		s.log.Error("sandbox cannot answer", slog.String("path", r.URL.Path), slog.Any("error", err))
		return s.worded(r, &apiError{code: codeSystem})
	}
	by := apiRules[refusal.code]
	if why, ok := r.Context().Value(noTokenKey{}).(*rule.Rule); ok && refusal.code == codeNoToken {
		by = why
	}
	by.Refuse()
	return s.worded(r, refusal)
}

func (s *Sandbox) worded(r *http.Request, refusal *apiError) failure {
	return failure{ErrCode: refusal.code, ErrMsg: refusal.message(r.URL.Path) + s.rid()}
}

func (s *Sandbox) write(w http.ResponseWriter, r *http.Request, reply any) {
	attrs := []any{slog.String("path", r.URL.Path)}
	switch reply := reply.(type) {
	case failure:
		attrs = append(attrs, slog.Int("errcode", reply.ErrCode), slog.String("errmsg", reply.ErrMsg))
	case verdict:
		attrs = append(attrs, slog.Bool("is_ok", reply.IsOK))
	}
	s.log.Info("sandbox answered", attrs...)

	w.Header().Set("Content-Type", "application/json; encoding=utf-8")
	_, _ = w.Write(jsonText(reply)) // a client that left needs no reply
}

// jsonText returns a reply as JSON. Replies always marshal without an error.
func jsonText(reply any) []byte {
	text, err := json.Marshal(reply)
	if err != nil {
		panic(fmt.Sprintf("sandbox: reply %T has no JSON form: %v", reply, err))
	}
	return text
}

// rid returns the suffix of every failure: the Unix time in hex and two random groups.
func (s *Sandbox) rid() string {
	return fmt.Sprintf(" rid: %08x-%08x-%08x", uint32(s.now().Unix()), rand.Uint32(), rand.Uint32())
}

// unknownURL returns WeChat's reply for an unknown path (wechatpy issues 179 and 289). It
// checks the token before the path.
func (s *Sandbox) unknownURL(r *http.Request, _ []byte) (any, error) {
	if _, err := s.checkToken(r.URL.Query()); err != nil {
		return nil, err
	}
	return nil, &apiError{code: codeBadURL}
}

// members are the members of a request body. The Content-Type is ignored, because clients
// send JSON with any type, or none.
type members map[string]jsontext.Value

// parseMembers refuses, with 47001, everything that is not one strict JSON object:
// duplicate names, invalid UTF-8 and lone surrogates included. WeChat's treatment of those
// three is not documented; a client must not send them.
func parseMembers(body []byte) (members, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, &apiError{code: codeEmptyBody}
	}
	var m members
	if err := json.Unmarshal(body, &m); err != nil || m == nil {
		return nil, &apiError{code: codeMalformedRequest}
	}
	return m, nil
}

// text returns a string member. An absent one and null read as "", as in protobuf's JSON
// mapping. The typed form of 47001 suggests that WeChat uses it.
func (m members) text(name string) (string, error) {
	value, ok := m[name]
	if !ok || value.Kind() == 'n' {
		return "", nil
	}
	if value.Kind() != '"' {
		return "", wrongType(name, value)
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return "", &apiError{code: codeMalformedRequest}
	}
	return string(text), nil
}

// texts returns string members in the order of names.
func (m members) texts(names ...string) ([]string, error) {
	texts := make([]string, len(names))
	for i, name := range names {
		var err error
		if texts[i], err = m.text(name); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// flag returns a boolean member, false when it is absent or null.
func (m members) flag(name string) (bool, error) {
	value, ok := m[name]
	if !ok || value.Kind() == 'n' {
		return false, nil
	}
	if value.Kind() != 't' && value.Kind() != 'f' {
		return false, wrongType(name, value)
	}
	return value.Kind() == 't', nil
}

var kindNames = map[jsontext.Kind]string{'"': "string", '0': "number", 't': "bool", 'f': "bool", '{': "object", '[': "array"}

// wrongType returns the typed form of 47001. WeChat also repeats the value. The sandbox
// leaves it out, because it may be a secret in the wrong place.
func wrongType(name string, value jsontext.Value) error {
	return &apiError{
		code: codeMalformedRequest,
		text: fmt.Sprintf("data format error, field %q doesn't expect a %s value", name, kindNames[value.Kind()]),
	}
}
