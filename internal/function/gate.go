package function

import (
	"net/http"
	"strings"

	"sotercall/internal/adapter"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// Gate returns the gate of HTTP_AUTH: "bearer", "platform" or "wechat".
func Gate(httpAuth string, tokens []secret.Text) openapi.Gate {
	switch httpAuth {
	case "platform":
		return Platform
	case "wechat":
		return WeChat(tokens)
	}
	return Bearer(tokens)
}

// Bearer returns the gate of HTTP_AUTH=bearer: a request must carry one of tokens as
// Authorization: Bearer, which proves a backend. Without tokens no request is admitted.
func Bearer(tokens []secret.Text) openapi.Gate {
	if len(tokens) == 0 {
		return func(*http.Request) (openapi.Caller, *openapi.Error) {
			return openapi.Caller{}, openapi.NewError(openapi.CodeNoPermission,
				"requests over HTTP are not accepted: set HTTP_BEARER_TOKENS, or HTTP_AUTH=platform if an authorizer guards it", nil)
		}
	}
	index := secret.NewIndex[struct{}]()
	for _, token := range tokens {
		index.Add(token, struct{}{})
	}
	return func(r *http.Request) (openapi.Caller, *openapi.Error) {
		presented, isBearer := bearer(r.Header.Get("Authorization"))
		if _, admitted := index.Find(presented); !isBearer || !admitted {
			return openapi.Caller{}, openapi.NewError(openapi.CodeNoPermission,
				"send Authorization: Bearer with one of HTTP_BEARER_TOKENS", nil).WithStatus(http.StatusUnauthorized)
		}
		return openapi.CallerFrom(r.Context()).WithProof(), nil
	}
}

func bearer(authorization string) (token string, ok bool) {
	scheme, token, ok := strings.Cut(authorization, " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// Platform is the gate of HTTP_AUTH=platform. The deployer has put IAM, CAM or another
// authorizer in front, so every request is admitted. The platform's description of the
// invocation still counts. In a CloudBase environment, visitors may invoke a function with
// any event, so an unknown caller stays unknown there. A container gets requests only, and
// all of them have passed the deployer's authorizer.
func Platform(r *http.Request) (openapi.Caller, *openapi.Error) {
	caller := openapi.CallerFrom(r.Context())
	if adapter.InvocationFrom(r.Context()).Platform == adapter.HTTP {
		caller = caller.WithProof()
	}
	return caller, nil
}
