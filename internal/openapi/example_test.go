package openapi_test

import (
	"context"
	"fmt"

	"sotercall/internal/openapi"
)

// everybody is a Verifier that believes everything.
type everybody struct{}

func (everybody) Verify(context.Context, openapi.Request) (openapi.Verdict, error) {
	return openapi.Genuine(), nil
}

func ExampleHandler() {
	handler := &openapi.VerifySignature{Verifier: everybody{}}
	call := handler.Calls(nil, nil)[0]
	ctx := openapi.WithCaller(context.Background(), openapi.Backend())
	for _, event := range []string{
		`{"openid":"oUser","jsonString":"{\"raw\":\"challenge\"}","jsonSignature":"c2ln"}`,
		`{"openid":"oUser","jsonString":{"raw":"challenge"},"jsonSignature":"c2ln"}`,
	} {
		result := call.Serve(openapi.NewEvent(ctx, []byte(event)))
		fmt.Printf("%s\n", call.Body(result))
	}
	// Output:
	// {"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}
	// {"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -501007 invalid parameters. parameter.jsonString is an object: send the text of resultJSON as it is, not parsed","errCode":-501007}
}
