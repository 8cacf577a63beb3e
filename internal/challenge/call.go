package challenge

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/openapi"
)

// IssueName is the name of the call that issues a challenge.
const IssueName = "openapi.soter.issueChallenge"

// IssuePath is its path at the HTTP doors.
const IssuePath = "/openapi/soter/issueChallenge"

// Handler answers the call [IssueName]:
//
//	{"openid":"oUser"}
//	{"challenge":"…","expiresIn":120,"errCode":0,"errMsg":"openapi.soter.issueChallenge:ok"}
//
// expiresIn is in seconds. Called from a page, the user is the page's own, and
// openid may be left out. Its fields are set before the first use and not changed
// after.
type Handler struct {
	Issuer *Issuer
	// Unconfigured says why there is no Issuer; then nothing is issued.
	Unconfigured error
	// Observe, if set, sees for whom a challenge was issued, or why not.
	Observe func(ctx context.Context, openid string, e *openapi.Error)
}

// Call answers a direct event.
func (h *Handler) Call(ctx context.Context, event []byte) []byte {
	_, answer := h.call(ctx, event)
	return answer
}

// HTTP serves the call over HTTP behind a gate.
func (h *Handler) HTTP(gate openapi.Gate) http.Handler {
	return openapi.Endpoint{Path: IssuePath, Gate: gate, Call: h.call, Refuse: func(ctx context.Context, e *openapi.Error) []byte {
		_, answer := h.refuse(ctx, "", e)
		return answer
	}}
}

// BadRequest answers a request that could not be read at the door at all.
func (h *Handler) BadRequest(w http.ResponseWriter, r *http.Request, err error) {
	status, answer := h.refuse(r.Context(), "", openapi.NewError(openapi.CodeInvalidParam, "the HTTP request in the event is broken", err))
	openapi.WriteJSON(w, status, answer)
}

// Timer answers a timer, which carries no request.
func (h *Handler) Timer(ctx context.Context, _ []byte) []byte {
	_, answer := h.refuse(ctx, "", openapi.NewError(openapi.CodeInvalidParam, "timer events carry no request", nil))
	return answer
}

func (h *Handler) call(ctx context.Context, event []byte) (status int, answer []byte) {
	var question struct {
		OpenID string `json:"openid"`
	}
	// A page has nothing to say.
	if len(bytes.TrimSpace(event)) > 0 {
		if err := json.Unmarshal(event, &question); err != nil {
			return h.refuse(ctx, "", openapi.NewError(openapi.CodeInvalidParam, "expected a JSON object with openid", nil))
		}
	}
	openid, e := openapi.CallerFrom(ctx).Names(question.OpenID)
	if e != nil {
		return h.refuse(ctx, question.OpenID, e)
	}
	if h.Unconfigured != nil {
		return h.refuse(ctx, openid, openapi.NewError(openapi.CodeSystem, "the function is not configured: "+h.Unconfigured.Error(), nil))
	}
	c, err := h.Issuer.Issue(openid)
	if err != nil {
		return h.refuse(ctx, openid, openapi.NewError(openapi.CodeInvalidParam, "no challenge can be issued for this openid", err))
	}
	h.observe(ctx, openid, nil)
	return http.StatusOK, marshal(answerJSON{Challenge: c.Text, ExpiresIn: int64(c.ExpiresIn / time.Second), ErrMsg: IssueName + ":ok"})
}

func (h *Handler) refuse(ctx context.Context, openid string, e *openapi.Error) (status int, answer []byte) {
	h.observe(ctx, openid, e)
	return openapi.Answer{Err: e}.Status(), marshal(answerJSON{ErrCode: e.Code, ErrMsg: IssueName + ":fail " + e.Message})
}

func (h *Handler) observe(ctx context.Context, openid string, e *openapi.Error) {
	if h.Observe != nil {
		h.Observe(ctx, openid, e)
	}
}

type answerJSON struct {
	Challenge string `json:"challenge,omitzero"`
	ExpiresIn int64  `json:"expiresIn,omitzero"`
	ErrCode   int    `json:"errCode"`
	ErrMsg    string `json:"errMsg"`
}

func marshal(a answerJSON) []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // all of it is text of ours, in UTF-8
	}
	return b
}
