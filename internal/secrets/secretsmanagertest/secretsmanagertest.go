// Package secretsmanagertest is a stand-in for AWS Secrets Manager on loopback, for tests.
// It serves GetSecretValue.
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

// ARN returns that of the secret with a name, without the characters that Secrets Manager
// adds.
func ARN(name string) string {
	return "arn:aws:secretsmanager:" + region + ":123456789012:secret:" + name
}

// Server has its secrets until the test ends.
type Server struct {
	url string

	mu      sync.Mutex
	texts   map[string]string // guarded by mu; by ARN
	code    string            // guarded by mu; the error of every request, if not empty
	message string            // guarded by mu
	// guarded by mu; if not nil, no request gets a response before it is closed
	hang  chan struct{}
	asked int // guarded by mu
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

// Variables returns the variables of a function that uses s. On Lambda it has credentials
// from the platform; elsewhere it needs [Credentials] as well.
func (s *Server) Variables() map[string]string {
	return map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": s.url}
}

// Credentials returns credentials as Lambda sets them. A [Server] accepts any.
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

// Refuse makes s reply to every request with an error, until code is "".
func (s *Server) Refuse(code, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code, s.message = code, message
}

// Hang makes s reply to nothing until release is called.
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

// Asked returns the number of requests so far.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=\w+/\d{8}/` + region + `/secretsmanager/aws4_request, SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}$`)

// ServeHTTP serves as Secrets Manager. It checks the credentials' scope, and does not check
// the signature.
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
	var request struct{ SecretId string }
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
	case json.UnmarshalRead(r.Body, &request) != nil:
		refuse(w, "SerializationException", "")
		return
	}
	s.mu.Lock()
	text, there := s.texts[request.SecretId]
	s.mu.Unlock()
	if !there {
		refuse(w, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
		return
	}
	respond(w, http.StatusOK, map[string]string{"ARN": request.SecretId + "-a1b2C3", "SecretString": text})
}

func refuse(w http.ResponseWriter, code, message string) {
	respond(w, http.StatusBadRequest, map[string]string{"__type": code, "message": message})
}

func respond(w http.ResponseWriter, status int, answer map[string]string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, answer)
}
