package openapi_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/openapi"
)

// keeper keeps the last Request, and finds it genuine.
type keeper struct {
	openapi.Request
	asked int
}

func (k *keeper) Verify(_ context.Context, r openapi.Request) (openapi.Verdict, error) {
	k.Request, k.asked = r, k.asked+1
	return openapi.Genuine(), nil
}

func TestPurposeIsReadOrRefused(t *testing.T) {
	for _, c := range []struct {
		name, member string
		policy       openapi.PurposePolicy
		purpose      string
		says         string // empty: the Verifier is asked
	}{
		{"none, where none is possible", ``, openapi.RefusePurpose, "", ""},
		{"none", ``, openapi.OptionalPurpose, "", ""},
		{"one", `"purpose":"pay 1"`, openapi.OptionalPurpose, "pay 1", ""},
		{"one where it is required", `"purpose":"pay 1"`, openapi.RequirePurpose, "pay 1", ""},
		{"bytes as they are", `"purpose":" e\u0301\u0000 "`, openapi.OptionalPurpose, " e\u0301\x00 ", ""},
		{"the longest", `"purpose":"` + strings.Repeat("x", 1024) + `"`, openapi.OptionalPurpose, strings.Repeat("x", 1024), ""},
		{"challenges are off", `"purpose":"pay 1"`, openapi.RefusePurpose, "", "parameter.purpose is not possible here"},
		{"required", ``, openapi.RequirePurpose, "", "parameter.purpose is missing"},
		{"empty", `"purpose":""`, openapi.OptionalPurpose, "", "parameter.purpose is empty"},
		{"empty, challenges are off", `"purpose":""`, openapi.RefusePurpose, "", "parameter.purpose is empty"},
		{"null", `"purpose":null`, openapi.OptionalPurpose, "", "parameter.purpose must be a string, not null"},
		{"null, challenges are off", `"purpose":null`, openapi.RefusePurpose, "", "parameter.purpose must be a string, not null"},
		{"a number", `"purpose":42`, openapi.OptionalPurpose, "", "parameter.purpose must be a string, not a number"},
		{"an array", `"purpose":["pay 1"]`, openapi.OptionalPurpose, "", "parameter.purpose must be a string, not an array"},
		{"too long", `"purpose":"` + strings.Repeat("x", 1025) + `"`, openapi.OptionalPurpose, "", "parameter.purpose has 1025 bytes"},
		{"in capitals", `"PURPOSE":"pay 1"`, openapi.OptionalPurpose, "", "parameter.purpose is not written PURPOSE"},
		{"twice", `"purpose":"a","purpose":"a"`, openapi.OptionalPurpose, "", "parameter.purpose is duplicated"},
	} {
		for spelling, body := range map[string]string{
			"camelCase":  `{"openid":"oUser","jsonString":"{\"raw\":\"1\"}","jsonSignature":"QUJD"}`,
			"snake_case": `{"openid":"oUser","json_string":"{\"raw\":\"1\"}","json_signature":"QUJD"}`,
		} {
			t.Run(c.name+" "+spelling, func(t *testing.T) {
				var k keeper
				handler := &openapi.VerifySignature{Verifier: &k, Purpose: c.policy}
				if c.member != "" {
					body = "{" + c.member + "," + body[1:]
				}
				answer := handler.CloudCall
				if spelling == "snake_case" {
					answer = handler.HTTPSCall
				}
				a := answer(backend(t), []byte(body))
				if c.says == "" {
					assert.True(t, a.IsOK(), a.Err)
					assert.Equal(t, c.purpose, k.Purpose)
					return
				}
				assert.Zero(t, k.asked)
				assert.False(t, a.IsOK())
				if assert.NotNil(t, a.Err) {
					assert.Equal(t, openapi.CodeInvalidParam, a.Err.Code)
					assert.Contains(t, a.Err.Message, c.says)
				}
			})
		}
	}
}

func TestPurposeIsNotLogged(t *testing.T) {
	var k keeper
	call := (&openapi.VerifySignature{Verifier: &k, Purpose: openapi.OptionalPurpose}).Calls(nil, nil)[0]
	body := []byte(`{"openid":"oUser","jsonString":"{\"raw\":\"1\"}","jsonSignature":"QUJD","purpose":"pay Alice"}`)
	r := call.Serve(openapi.NewEvent(backend(t), body))
	assert.True(t, bytes.Contains(r.Body, []byte(`"isOk":true`)))
	for _, attr := range r.Log {
		assert.NotContains(t, attr.String(), "Alice")
	}
	assert.NotContains(t, k.LogValue().String(), "Alice")
}
