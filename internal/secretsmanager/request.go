package secretsmanager

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-json-experiment/json"

	"sotercall/internal/upstream"
)

const (
	// attempts is how often a request is sent at most; betweenAttempts lies between
	// two.
	attempts        = 3
	betweenAttempts = 50 * time.Millisecond
)

// domains are those of the partitions (AWS General Reference, "AWS Secrets Manager
// endpoints and quotas").
var domains = map[string]string{"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}

// refusal is an error that Secrets Manager has answered.
type refusal struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
	// Upper is how some of AWS's services spell it.
	Upper string `json:"Message"`

	status string // of HTTP, where the reply has no type
}

func (r *refusal) Error() string { return cmp.Or(r.status, r.Type) }

// get is GetSecretValue: the text of a secret's current version. What another
// attempt may help against is sent again.
func (s *Secrets) get(ctx context.Context, where string) (text string, err error) {
	for n := range attempts {
		if n > 0 {
			select {
			case <-time.After(betweenAttempts):
			case <-ctx.Done():
				return "", err
			}
		}
		var again bool
		if text, again, err = s.attempt(ctx, where); !again {
			return text, err
		}
	}
	return "", err
}

func (s *Secrets) attempt(ctx context.Context, where string) (text string, again bool, err error) {
	req, err := s.request(ctx, where)
	if err != nil {
		return "", false, err
	}
	reply, err := s.connections.Send(req)
	if err != nil {
		return "", true, err
	}
	return read(reply)
}

// read reads a reply. again says that another attempt may help.
func read(reply upstream.Reply) (text string, again bool, err error) {
	if reply.Status != http.StatusOK {
		err := refused(reply)
		return "", reply.Status >= http.StatusInternalServerError || err.Type == "ThrottlingException", err
	}
	var answer struct{ SecretString string }
	if err := json.Unmarshal(reply.Body, &answer); err != nil {
		return "", false, errNonsense // the parser's words could quote the secret
	}
	return answer.SecretString, false, nil
}

// request is signed with Signature Version 4.
func (s *Secrets) request(ctx context.Context, where string) (*http.Request, error) {
	parts := arn().FindStringSubmatch(where)
	region, address := parts[2], s.endpoint
	if address == "" {
		address = "https://secretsmanager." + region + "." + domains[parts[1]]
	}
	body := fmt.Appendf(nil, `{"SecretId":%q}`, where) // an ARN has nothing that JSON escapes
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	sum := sha256.Sum256(body)
	return req, v4.NewSigner().SignHTTP(ctx, s.credentials, req, hex.EncodeToString(sum[:]), "secretsmanager", region, s.now())
}

func refused(reply upstream.Reply) *refusal {
	var r refusal
	if err := json.Unmarshal(reply.Body, &r); err != nil || r.Type == "" {
		return &refusal{status: fmt.Sprintf("HTTP status %d", reply.Status)}
	}
	r.Type = r.Type[strings.LastIndexByte(r.Type, '#')+1:] // behind the name of the API, if it is there
	return &r
}
