// Package dynamodb reaches the store that all instances of the functions share
// where it is Amazon DynamoDB: on AWS Lambda it needs no VPC and nothing that runs
// beside it.
//
// A [Table] is one table, named by DYNAMODB_TABLE, with a string partition key pk,
// no sort key, and TTL on the attribute expires. One item is all that a request
// touches. The keys of its items, by who keeps them:
//
//	pk                          kept by                     actions
//	sotercall:token:<appid>     accesstoken.DynamoDB        GetItem, PutItem
//	sotercall:challenge:<id>    challenge.DynamoDB          PutItem
//	sotercall:counter:<device>  challenge.DynamoDB          UpdateItem
//	sotercall:authkeys:<openid> authkeys.DynamoDB           GetItem, UpdateItem
//
// Each kind has a prefix of its own, so that the role of a function can be limited
// to the keys that it uses: dynamodb:LeadingKeys compares pk, with
// ForAllValues:StringLike and a value such as sotercall:token:* (DynamoDB Developer
// Guide, "Using IAM policy conditions for fine-grained access control"). What an
// item has beside pk and expires stands with who keeps it.
//
// Every write has a condition, every read is consistent, and there are no
// transactions. DynamoDB deletes an item up to some days after its expires (same
// guide, "Time to Live"), so that an item which is there says nothing about time:
// who keeps it compares expires with the clock.
//
// A request is sent up to three times, because a reply can be lost and a
// connection die while a function is frozen: a write must therefore recognize, by a
// nonce in its item, that it has been done already. Everything together waits for a
// second and a half at most.
package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"sotercall/internal/loopback"
	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

const (
	// timeout bounds one operation with all its attempts. From Lambda an attempt
	// takes some milliseconds, with a cold TLS connect some hundred in a function with
	// little memory.
	timeout = 1500 * time.Millisecond
	// attempts is how often a request is sent at most.
	attempts = 3
	// pause is before the second attempt, on average; before the third it is twice
	// that.
	pause = 30 * time.Millisecond
	// idleLife is how long an idle connection is kept.
	idleLife = 30 * time.Second
)

// Table is a table. It may be used concurrently. Make it with [Open].
type Table struct {
	// Scrub takes secrets out of what the server says; the credentials, and what a
	// request carries, are taken out in any case. Set it before the first use.
	Scrub *secret.Scrubber

	name, region string
	actions      actions
	connections  *upstream.Client
	credentials  []secret.Text
}

// actions are what we use of the library's client. A Table that held the client
// itself would bring all 60 of its methods, and a megabyte, into every function: where
// net/rpc is linked (SCF), the linker keeps each method of a type that an interface
// leads to.
type actions struct {
	get    func(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	put    func(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	update func(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// Open makes the Table of that name from the variables that Lambda sets: AWS_REGION,
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN (AWS Lambda
// Developer Guide, "Defined runtime environment variables"). For tests,
// AWS_ENDPOINT_URL_DYNAMODB is where to reach it, in the clear on this machine only.
// It connects when the Table is used, not before. The errors name the variable.
func Open(name string, environment map[string]string) (*Table, error) {
	region := environment["AWS_REGION"]
	id, key := environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
	endpoint := environment["AWS_ENDPOINT_URL_DYNAMODB"]
	switch {
	case len(name) < 3, len(name) > 255, !isOf(name, lower+upper+digits+"_.-"): // DynamoDB API, CreateTable
		return nil, errors.New("DYNAMODB_TABLE must be the name of a table: 3 to 255 of A-Z a-z 0-9 _ . -")
	case region == "", !isOf(region, lower+digits+"-"):
		return nil, errors.New("AWS_REGION must be the region of DYNAMODB_TABLE: Lambda sets it")
	case id == "" || key == "":
		return nil, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: DYNAMODB_TABLE needs them, and Lambda sets them")
	case endpoint != "" && !isEndpoint(endpoint):
		return nil, errors.New("AWS_ENDPOINT_URL_DYNAMODB must be an https address (http only to this machine)")
	}
	credentials := aws.Credentials{
		AccessKeyID: id, SecretAccessKey: key, SessionToken: environment["AWS_SESSION_TOKEN"],
		Source: "environment",
	}
	t := &Table{
		name: name, region: region,
		connections: upstream.New(idleLife, time.Now),
		credentials: []secret.Text{secret.New(id), secret.New(key), secret.New(credentials.SessionToken)},
	}
	options := dynamodb.Options{
		Region:      region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		HTTPClient:  sender{t.connections},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = attempts
			o.Backoff = retry.BackoffDelayerFunc(backoff)
		}),
	}
	if endpoint != "" {
		options.BaseEndpoint = &endpoint
	}
	client := dynamodb.New(options)
	t.actions = actions{client.GetItem, client.PutItem, client.UpdateItem}
	return t, nil
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// isOf reports whether text has only these characters.
func isOf(text, characters string) bool { return strings.TrimLeft(text, characters) == "" }

func isEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Hostname() != "" && u.User == nil && u.RawQuery == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && loopback.Host(u.Host))
}

// Close closes the connections that are idle.
func (t *Table) Close() { t.connections.CloseIdle() }

// backoff is the pause after so many attempts, the first of which is 1.
func backoff(attempt int, _ error) (time.Duration, error) {
	longest := 2 * pause << (attempt - 1)
	return rand.N(longest), nil
}

// sender is the way to the server of one attempt.
type sender struct{ connections *upstream.Client }

// Do implements dynamodb.HTTPClient. An attempt has half of the time that is left,
// so that there is some for the next one when nobody answers. A connection that
// died while it was idle takes the others with it.
func (s sender) Do(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	resp, err := s.connections.RoundTrip(req.WithContext(ctx))
	if noReply, ok := errors.AsType[*upstream.NoReply](err); ok && noReply.Reused {
		s.connections.CloseIdle()
	}
	if err != nil {
		return nil, fmt.Errorf("one attempt: %w", err)
	}
	return resp, nil
}
