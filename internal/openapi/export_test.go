package openapi

import "context"

// CloudCall answers a camelCase question.
func (h *Handler) CloudCall(ctx context.Context, body []byte) Answer {
	_, a := h.answer(ctx, camelCase, body)
	return a
}

// HTTPSCall answers a snake_case question.
func (h *Handler) HTTPSCall(ctx context.Context, body []byte) Answer {
	_, a := h.answer(ctx, snakeCase, body)
	return a
}
