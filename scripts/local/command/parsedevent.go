package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/jsonobject"
	"sotercall/internal/openapi"
	"sotercall/internal/trigger"
)

// member is a name and a value of a JSON object, as written.
type member struct {
	name  string
	value jsontext.Value
}

// text returns a value that is a string; empty if it is none.
func (m member) text() string {
	if m.value.Kind() != '"' {
		return ""
	}
	b, _ := jsontext.AppendUnquote(nil, m.value) // valid: the decoder has read it
	return string(b)
}

// parsedEvent is the request in an event, as far as it can be read, even if the function
// refuses it.
type parsedEvent struct {
	event   trigger.Event
	caller  openapi.Caller
	members []member
	snake   bool // whether it came to the HTTPS Call's path
}

// parseEvent parses an event. A payload that is no object has no members.
func parseEvent(event trigger.Event, payload []byte, caller openapi.Caller) parsedEvent {
	q := parsedEvent{event: event, caller: caller}
	switch r := event.Request; {
	case r != nil:
		payload, _ = io.ReadAll(r.Body) // from memory
		q.snake = strings.TrimPrefix(r.URL.Path, functionsBase) == openapi.HTTPSCallPath
	case event.Source.IsHTTP():
		return q // a broken request
	}
	q.members = membersOf(payload)
	return q
}

// membersOf returns an object's members in their order, up to the first syntax error. Any
// other value has none.
func membersOf(object []byte) (all []member) {
	dec := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	_ = jsonobject.Members(dec, func(name []byte, dec *jsontext.Decoder) error {
		value, err := dec.ReadValue()
		if err == nil {
			all = append(all, member{string(name), value.Clone()})
		}
		return err
	})
	return all
}

// resultMembers returns those of a resultJSON. Phones write control characters into their
// strings, which the decoder refuses: they are shown as escapes.
func resultMembers(jsonString string) []member {
	var readable []byte
	for _, c := range []byte(jsonString) {
		if c < ' ' && !bytes.ContainsRune([]byte("\t\r\n"), rune(c)) {
			readable = fmt.Appendf(readable, `\u%04x`, c)
			continue
		}
		readable = append(readable, c)
	}
	return membersOf(readable)
}

// value returns the text of the first member with one of the names, "" if there is none.
func (q parsedEvent) value(names ...string) string {
	for _, m := range q.members {
		for _, name := range names {
			if m.name == name {
				return m.text()
			}
		}
	}
	return ""
}

// request returns the verification request, in either spelling. A user that names nobody
// means himself.
func (q parsedEvent) request() openapi.Request {
	own := ""
	if q.caller.IsUser() {
		own, _ = q.caller.ResolveOpenID("")
	}
	return openapi.Request{
		OpenID:        cmp.Or(q.value("openid"), own),
		JSONString:    q.value("jsonString", "json_string"),
		JSONSignature: q.value("jsonSignature", "json_signature"),
	}
}

// judge returns WeChat's verdict from the sandbox, whatever the function thinks of the
// request. If a parameter is missing, it makes no call, and the answer is empty.
func (w *world) judge(ctx context.Context, q parsedEvent) (answer string, err error) {
	asked := q.request()
	if asked.OpenID == "" || asked.JSONString == "" || asked.JSONSignature == "" {
		return "", nil
	}
	app, err := w.sandbox.App("")
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]string{"openid": asked.OpenID, "json_string": asked.JSONString, "json_signature": asked.JSONSignature},
		jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
	if err != nil {
		return "", err
	}
	address := w.base + openapi.HTTPSCallPath + "?cloudbase_access_token=" + app.CloudbaseAccessToken()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(bytes.TrimSpace(b)), err
}
