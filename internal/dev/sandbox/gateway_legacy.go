package sandbox

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/wechat/cloudcall"
)

// legacyAction is the action of cloud.callOpenAPI in wx-server-sdk, and of callWxOpenApi in
// @cloudbase/node-sdk and tcb-admin-node. The fields are one JSON object, with the
// parameters as JSON text in one of them, and the reply is JSON. Sources:
// @cloudbase/node-sdk 2.1.1 and 3.18.3, lib/wx, and tcb-admin-node 1.23.0, src/wx.
const legacyAction = "wx.api"

// readJSONForm reads the fields of a JSON object. A value that is not text is its JSON, as
// in the signature.
func readJSONForm(body []byte) (cloudcall.Form, error) {
	var fields members
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, errors.New("the body is not one JSON object with unique names")
	}
	var form cloudcall.Form
	seen := map[string]bool{}
	for name, value := range fields {
		if seen[strings.ToLower(name)] {
			return nil, errors.New("a field of the body is duplicated")
		}
		seen[strings.ToLower(name)] = true
		field := cloudcall.Field{Name: name, Value: []byte(value)}
		if value.Kind() == '"' {
			text, err := jsontext.AppendUnquote(nil, value)
			if err != nil {
				return nil, errors.New("a field of the body is not a text")
			}
			field.Value = text
		}
		form = append(form, field)
	}
	return form, nil
}

// readJSON reads the parameters of the action wx.api. Their spelling is not documented, and
// the SDKs send what their caller wrote: both spellings are accepted, one for each
// parameter.
func readJSON(requestData []byte) (members, *cloudcall.GatewayError) {
	written := members{}
	if len(requestData) > 0 {
		if err := json.Unmarshal(requestData, &written); err != nil || written == nil {
			return nil, invalidParam("requestData is not the JSON text of an object")
		}
	}
	spelling := map[string]string{"jsonString": cloudcall.KeyJSONString, "jsonSignature": cloudcall.KeyJSONSignature}
	m := members{}
	for name, value := range written {
		if snake, ok := spelling[name]; ok {
			name = snake
		}
		if _, twice := m[name]; twice {
			return nil, invalidParam("parameter " + name + " is duplicated")
		}
		m[name] = value
	}
	return m, nil
}

// legacyReply is the reply to the action wx.api.
type legacyReply struct {
	RequestID string     `json:"requestId"`
	Data      legacyData `json:"data"`
}

type legacyData struct {
	ResponseData string `json:"responseData"` // WeChat's JSON text
}

// answerJSON returns WeChat's reply as text. The platform's refusals are not documented
// here. They are an errcode in WeChat's place, so that a caller that reads errcode notices.
func answerJSON(w http.ResponseWriter, response cloudcall.Response) {
	data := string(response.Data)
	if response.ErrorCode != 0 {
		code := strconv.Itoa(int(response.ErrorCode))
		data = `{"errcode":` + code + `,"errmsg":"system error: error code: ` + code + `"}`
	}
	w.Header().Set("Content-Type", cloudcall.ErrorType)
	_, _ = w.Write(jsonText(legacyReply{RequestID: requestID(), Data: legacyData{ResponseData: data}}))
}

// fieldAuthorization is the field for the signature of clients before TC3: tcb-admin-node
// as it comes with wx-server-sdk 0.4.3 and 1.8.3 (src/utils/auth.js).
const fieldAuthorization = "authorization"

// verifySHA1 checks such a signature: HMAC-SHA1 over the method, the path, the fields and
// the headers that it names. It must name the action and the API. These clients never cover
// the requestData of wx.openApi, sessionToken and sdk_version.
func (g gateway) verifySHA1(r *http.Request, form cloudcall.Form, now time.Time) error {
	said, err := url.ParseQuery(strings.ReplaceAll(string(form.Get(fieldAuthorization)), ";", "%3B"))
	if err != nil || said.Get("q-sign-algorithm") != "sha1" {
		return cloudcall.ErrSignature
	}
	if !g.credentials.SecretID.Matches(said.Get("q-ak")) {
		return cloudcall.ErrSecretID
	}
	fields, ok := signedFields(form, said.Get("q-url-param-list"))
	if !ok {
		return cloudcall.ErrSignature
	}
	var headers []string
	for name := range strings.SplitSeq(said.Get("q-header-list"), ";") {
		headers = append(headers, escape(name)+"="+escape(r.Header.Get(name)))
	}
	want := g.sha1Signature(said.Get("q-sign-time"), said.Get("q-key-time"), fields, strings.Join(headers, "&"))
	signature, err := hex.DecodeString(said.Get("q-signature"))
	if err != nil || !hmac.Equal(signature, want) {
		return cloudcall.ErrSignature
	}
	from, until, _ := strings.Cut(said.Get("q-sign-time"), ";")
	start, startErr := strconv.ParseInt(from, 10, 64)
	end, endErr := strconv.ParseInt(until, 10, 64)
	if err := errors.Join(startErr, endErr); err != nil {
		return cloudcall.ErrSignature
	}
	if now.Before(time.Unix(start, 0).Add(-cloudcall.MaxAge)) || !now.Before(time.Unix(end, 0)) {
		return cloudcall.ErrExpired
	}
	return nil
}

func (g gateway) sha1Signature(signTime, keyTime, fields, headers string) []byte {
	text := sha1.Sum([]byte("post\n" + cloudcall.Path + "\n" + fields + "\n" + headers + "\n"))
	key := hex.EncodeToString(hmacSHA1([]byte(g.credentials.SecretKey.Reveal()), keyTime))
	return hmacSHA1([]byte(key), "sha1\n"+signTime+"\n"+hex.EncodeToString(text[:])+"\n")
}

// signedFields returns the fields that a list in lower case names, in its order.
func signedFields(form cloudcall.Form, list string) (string, bool) {
	values := map[string]string{}
	for _, field := range form {
		values[strings.ToLower(field.Name)] = string(field.Value)
	}
	names := strings.Split(list, ";")
	var signed []string
	for _, name := range names {
		value, ok := values[name]
		if !ok {
			return "", false
		}
		signed = append(signed, escape(name)+"="+escape(value))
	}
	covered := slices.Contains(names, strings.ToLower(cloudcall.FieldAction)) && slices.Contains(names, strings.ToLower(cloudcall.FieldAPI))
	return strings.Join(signed, "&"), covered
}

// escape is encodeURIComponent, but also escapes !'()*.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func hmacSHA1(key []byte, text string) []byte {
	h := hmac.New(sha1.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
