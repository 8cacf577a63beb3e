package openapi

import "context"

// Handler answers the call in both spellings. Its fields are set before the
// first use and not changed after; it may be used concurrently.
type Handler struct {
	// Verifier is asked once for each question that is well put.
	Verifier Verifier
	// Observe, if set, sees each question with its answer, for the log. The
	// Request is zero when the question could not be read.
	Observe func(ctx context.Context, r Request, a Answer)
}

// CloudCall answers a camelCase question. The [Caller] of ctx may leave out
// openid, which is then his own, and may not name another's.
func (h *Handler) CloudCall(ctx context.Context, body []byte) Answer {
	return h.answer(ctx, camelCase, body)
}

// HTTPSCall answers a snake_case question.
func (h *Handler) HTTPSCall(ctx context.Context, body []byte) Answer {
	return h.answer(ctx, snakeCase, body)
}

// Refuse words the refusal of an event that asks nothing.
func (h *Handler) Refuse(ctx context.Context, e *Error) []byte {
	return h.refuse(ctx, Request{}, e).CloudCall()
}

// NoQuestion answers an invocation that asks nothing, as a timer's: it keeps the
// function warm and verifies nothing.
func (h *Handler) NoQuestion(ctx context.Context) Answer {
	return h.refuse(ctx, Request{}, invalid("a timer asks no question, so that nothing was verified"))
}

func (h *Handler) answer(ctx context.Context, s spelling, body []byte) Answer {
	r, e := s.parse(body)
	if e == nil {
		r.OpenID, e = CallerFrom(ctx).Names(r.OpenID)
	}
	if e != nil {
		return h.refuse(ctx, r, e)
	}
	verdict, err := h.Verifier.Verify(ctx, r)
	if err != nil {
		return h.refuse(ctx, r, asError(err))
	}
	return h.observed(ctx, r, Answer{Verdict: verdict})
}

func (h *Handler) refuse(ctx context.Context, r Request, e *Error) Answer {
	return h.observed(ctx, r, Answer{Err: e})
}

func (h *Handler) observed(ctx context.Context, r Request, a Answer) Answer {
	if h.Observe != nil {
		h.Observe(ctx, r, a)
	}
	return a
}
