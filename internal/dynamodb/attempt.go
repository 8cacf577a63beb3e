package dynamodb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-json-experiment/json"

	"sotercall/internal/upstream"
)

const (
	// timeout bounds one operation with all its attempts, where the context does not.
	timeout = 5 * time.Second
	// attemptTimeout bounds one attempt. From Lambda it takes some milliseconds, with a
	// cold TLS connect some hundred in a function with little memory.
	attemptTimeout = 1500 * time.Millisecond
	// attempts is how often a request is sent at most.
	attempts = 3
	// pause is before the second attempt, on average; before the third it is twice
	// that.
	pause = 30 * time.Millisecond
)

// do has an action done, within timeout in all. What another attempt may help against
// is tried again, as far as the budget goes.
func (t *Table) do(ctx context.Context, action string, r request) (answer, error) {
	r.TableName = t.name
	body, err := json.Marshal(r)
	if err != nil {
		return answer{}, errors.New("dynamodb: " + action + ": the request has no JSON form") // the encoder's words may quote it
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	t.budget.Call()
	deadConnections := 0
	for n := 1; ; n++ {
		got, err := t.attempt(ctx, action, body)
		if err == nil {
			t.budget.Return(deadConnections)
			return got, nil
		}
		if failed, ok := errors.AsType[*ConditionFailed](err); ok {
			t.budget.Return(deadConnections)
			return answer{}, failed
		}
		if n == attempts || !mayPass(err) || !t.budget.Take() || !wait(ctx, n) {
			return answer{}, t.explain(ctx, action, err)
		}
		if noReply, ok := errors.AsType[*upstream.NoReply](err); ok && noReply.Reused {
			t.connections.CloseIdle() // the others died with it, most likely
			deadConnections++
		}
	}
}

// wait waits before the attempt after so many, and reports whether ctx has time left.
func wait(ctx context.Context, attempts int) bool {
	longest := 2 * pause << (attempts - 1)
	select {
	case <-time.After(rand.N(longest)):
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt sends a request once. It has half of the time that is left, at most, so that
// there is some for the next one when nobody answers.
func (t *Table) attempt(ctx context.Context, action string, body []byte) (answer, error) {
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, min(attemptTimeout, time.Until(deadline)/2))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.endpoint, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+action)
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, t.credentials.reveal(), req, hex.EncodeToString(sum[:]), "dynamodb", t.region, time.Now()); err != nil {
		return answer{}, err
	}
	reply, err := t.connections.Send(req)
	if err != nil {
		return answer{}, err
	}
	if reply.Status != http.StatusOK {
		return answer{}, refused(reply)
	}
	var got answer
	if err := json.Unmarshal(reply.Body, &got); err != nil {
		return answer{}, errNonsense // the parser's words may quote what is secret
	}
	return got, nil
}

// refusal is an exception that the server answers (DynamoDB Developer Guide, "Error
// handling with DynamoDB").
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

// errNonsense says that what answers is not DynamoDB.
var errNonsense = errors.New("what answers does not speak DynamoDB's language")

func refused(reply upstream.Reply) error {
	var said struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Upper   string `json:"Message"` // AccessDeniedException writes it so
		Item    Item
	}
	if err := json.Unmarshal(reply.Body, &said); err != nil || said.Type == "" {
		return &refusal{status: reply.Status, message: fmt.Sprintf("HTTP status %d without an exception", reply.Status)}
	}
	code := said.Type[strings.LastIndexByte(said.Type, '#')+1:] // behind the name of the API
	if code == "ConditionalCheckFailedException" {
		return &ConditionFailed{Item: said.Item}
	}
	return &refusal{status: reply.Status, code: code, message: said.Message + said.Upper}
}

// throttled are the exceptions of a table that has too much to do.
var throttled = map[string]bool{
	"ProvisionedThroughputExceededException": true, "ThrottlingException": true, "RequestLimitExceeded": true,
}

// mayPass reports whether another attempt may help.
func mayPass(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return !ok && !errors.Is(err, errNonsense) || ok && (r.status >= http.StatusInternalServerError || throttled[r.code])
}
