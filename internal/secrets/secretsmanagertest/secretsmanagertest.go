// Package secretsmanagertest is a stand-in for AWS Secrets Manager on loopback, for
// tests: it answers GetSecretValue.
package secretsmanagertest

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

const region = "eu-central-1"

// ARN is that of the secret with a name, without the characters that Secrets Manager
// adds.
func ARN(name string) string {
	return "arn:aws:secretsmanager:" + region + ":123456789012:secret:" + name
}

// Server keeps secrets until the test ends.
type Server struct {
	url string

	mu      sync.Mutex
	texts   map[string]string // guarded by mu; by ARN
	code    string            // guarded by mu; refuses every request with it
	message string            // guarded by mu
	hang    chan struct{}     // guarded by mu; not nil: no request is answered before it is closed
	asked   int               // guarded by mu
}

// Start starts a Server.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{texts: map[string]string{}}
	server := httptest.NewServer(s)
	s.url = server.URL
	t.Cleanup(server.Close)
	return s
}

// Variables tell a function where s is. On Lambda it has credentials from the
// platform; elsewhere it needs [Credentials] too.
func (s *Server) Variables() map[string]string {
	return map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": s.url}
}

// Credentials are such that a [Server] takes, as Lambda sets them. It takes any.
func Credentials() map[string]string {
	return map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDQ7EXAMPLE2TEST", "AWS_SECRET_ACCESS_KEY": "kQ4x9TzR2mB7vL0wE5yH", "AWS_SESSION_TOKEN": "uW8nC3pD6sF1gJ4kX7zV",
	}
}

// Put makes text the secret with a name.
func (s *Server) Put(name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts[ARN(name)] = text
}

// Refuse makes s answer every request with an error, until code is "".
func (s *Server) Refuse(code, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code, s.message = code, message
}

// Hang makes s answer nothing until release is called.
func (s *Server) Hang() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hang := make(chan struct{})
	s.hang = hang
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hang = nil
		close(hang)
	}
}

// Asked is how many requests have come.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=\w+/\d{8}/` + region + `/secretsmanager/aws4_request, SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}$`)

// ServeHTTP answers as Secrets Manager. It looks at who signs and for what, and does
// not check the signature.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	code, message, hang := s.code, s.message, s.hang
	s.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
			return
		}
	}
	var question struct{ SecretId string }
	switch {
	case code != "":
		refuse(w, code, message)
		return
	case r.Method != http.MethodPost || r.URL.Path != "/" || r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue":
		refuse(w, "UnknownOperationException", "")
		return
	case !authorization.MatchString(r.Header.Get("Authorization")) || r.Header.Get("X-Amz-Security-Token") == "":
		refuse(w, "UnrecognizedClientException", "The security token included in the request is invalid.")
		return
	case json.UnmarshalRead(r.Body, &question) != nil:
		refuse(w, "SerializationException", "")
		return
	}
	s.mu.Lock()
	text, there := s.texts[question.SecretId]
	s.mu.Unlock()
	if !there {
		refuse(w, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
		return
	}
	respond(w, http.StatusOK, map[string]string{"ARN": question.SecretId + "-a1b2C3", "SecretString": text})
}

func refuse(w http.ResponseWriter, code, message string) {
	respond(w, http.StatusBadRequest, map[string]string{"__type": code, "message": message})
}

func respond(w http.ResponseWriter, status int, answer map[string]string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, answer)
}
