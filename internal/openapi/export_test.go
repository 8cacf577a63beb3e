package openapi

import "context"

// CloudCall answers a camelCase question.
func (h *VerifySignature) CloudCall(ctx context.Context, body []byte) Response {
	_, a := h.respond(ctx, camelCase, body)
	return a
}

// HTTPSCall answers a snake_case question.
func (h *VerifySignature) HTTPSCall(ctx context.Context, body []byte) Response {
	_, a := h.respond(ctx, snakeCase, body)
	return a
}
