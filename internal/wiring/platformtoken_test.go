package wiring

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/adapter"
	"sotercall/internal/openapi"
)

// The token in a backend's request goes before the one in a variable of the invocation. In
// anybody else's request it is the client's word.
func TestTokenOfTheRequestGoesFirst(t *testing.T) {
	var got string
	call := withPlatformToken([]openapi.Call{{Serve: func(r *http.Request) openapi.Result {
		got = cloudBaseToken(r.Context()).Reveal()
		return openapi.Result{}
	}}})[0]
	for _, c := range []struct {
		name             string
		caller           openapi.Caller
		header, variable string
		want             string
	}{
		{"both", openapi.Backend(), "of the request", "of the variable", "of the request"},
		{"only the variable", openapi.Backend(), "", "of the variable", "of the variable"},
		{"only the request", openapi.Backend(), "of the request", "", "of the request"},
		{"none", openapi.Backend(), "", "", ""},
		{"a user", openapi.User("o"), "of the request", "of the variable", "of the variable"},
		{"nobody known", openapi.Unknown("why"), "of the request", "", ""},
	} {
		ctx := adapter.WithInvocation(openapi.WithCaller(t.Context(), c.caller), adapter.Invocation{
			Environment: map[string]string{"WX_CLOUDBASE_ACCESSTOKEN": c.variable},
		})
		r := openapi.NewEvent(ctx, nil)
		r.Header.Set("X-WX-CLOUDBASE-ACCESS-TOKEN", c.header)
		call.Serve(r)
		assert.Equal(t, c.want, got, c.name)
	}
}
