package authkeys

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/openapi"
	"sotercall/internal/soter"
)

// enrollEvent holds the values as they stand in the JSON, so that a mistake can
// be named. Other members are allowed: the platform adds some to an event.
type enrollEvent struct {
	OpenID           jsontext.Value `json:"openid"`
	ASKJSON          jsontext.Value `json:"askJson"`
	AuthKeyJSON      jsontext.Value `json:"authKeyJson"`
	AuthKeySignature jsontext.Value `json:"authKeySignature"`
}

func parseEnrolment(event []byte) (Enrolment, *openapi.Error) {
	if len(event) > openapi.MaxBody {
		return Enrolment{}, invalid("the event has %d bytes, at most %d are read", len(event), openapi.MaxBody)
	}
	var p enrollEvent
	if e := readEvent(event, &p); e != nil {
		return Enrolment{}, e
	}
	openid, e := parameter("openid", p.OpenID)
	if e != nil {
		return Enrolment{}, e
	}
	if len(openid) > openapi.MaxOpenID {
		return Enrolment{}, invalid("parameter.openid has %d bytes, at most %d are allowed", len(openid), openapi.MaxOpenID)
	}
	ask, e := parameter("askJson", p.ASKJSON)
	if e != nil {
		return Enrolment{}, e
	}
	authKey, e := parameter("authKeyJson", p.AuthKeyJSON)
	if e != nil {
		return Enrolment{}, e
	}
	text, e := parameter("authKeySignature", p.AuthKeySignature)
	if e != nil {
		return Enrolment{}, e
	}
	signature, err := soter.ParseSignature(string(text))
	if err != nil {
		return Enrolment{}, invalid("parameter.authKeySignature: %v", err)
	}
	return Enrolment{OpenID: string(openid), ASKJSON: ask, AuthKeyJSON: authKey, Signature: signature}, nil
}

func readEvent(event []byte, into *enrollEvent) *openapi.Error {
	var syntax *jsontext.SyntacticError
	switch err := json.Unmarshal(event, into); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return invalid("a name in the event is duplicated")
	case errors.As(err, &syntax):
		return invalid("the event is not valid JSON, at byte %d", syntax.ByteOffset)
	case err != nil, jsontext.Value(event).Kind() != '{':
		return invalid("expected a JSON object with openid, askJson, authKeyJson and authKeySignature")
	}
	return nil
}

// parameter decodes one parameter, which must be there.
func parameter(name string, value jsontext.Value) ([]byte, *openapi.Error) {
	switch kind := value.Kind(); {
	case len(value) == 0, kind == 'n':
		return nil, invalid("parameter.%s is missing", name)
	case kind == '{':
		return nil, invalid("parameter.%s is an object: send the text that the device exported as it is, not parsed", name)
	case kind != '"':
		return nil, invalid("parameter.%s must be a string", name)
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return nil, invalid("parameter.%s is not a JSON string", name)
	}
	if len(text) == 0 {
		return nil, invalid("parameter.%s is missing", name)
	}
	return text, nil
}

func invalid(format string, args ...any) *openapi.Error {
	return openapi.NewError(openapi.CodeInvalidParam, fmt.Sprintf(format, args...), nil)
}
