package secretsmanager

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/redact"
	"sotercall/internal/upstream"
)

// FuzzReply: whatever comes back, either a text has been read from a good answer, or
// the error is in words of ours, short, and quotes nothing of an answer.
func FuzzReply(f *testing.F) {
	for _, body := range []string{
		`{"SecretString":"hush"}`, `{"SecretString":"hush","SecretString":"hush"}`, `{"SecretString":{"hush":1}}`, `{"SecretBinary":"aHVzaA=="}`,
		`{"__type":"ThrottlingException","message":"Rate exceeded"}`, `{"__type":"x#AccessDeniedException","Message":"no"}`, `{"__type":"#"}`, `<html>`, ``,
	} {
		f.Add(200, body)
		f.Add(400, body)
		f.Add(503, body)
	}
	s := &Secrets{redact: redact.New()}
	f.Fuzz(func(t *testing.T, status int, body string) {
		text, again, err := read(upstream.Reply{Status: status, Body: []byte(body)})
		if err == nil {
			assert.Equal(t, http.StatusOK, status)
			assert.False(t, again)
			return
		}
		assert.Empty(t, text)
		words, detail := s.words(context.Background(), err)
		assert.Less(t, len(words), 300)
		assert.LessOrEqual(t, len(detail), 512)
		assert.True(t, strings.HasPrefix(words, "Secrets Manager") || strings.HasPrefix(words, "access denied"), words)
		if status == http.StatusOK {
			assert.Equal(t, "Secrets Manager: the answer is nonsense", words)
		}
	})
}
