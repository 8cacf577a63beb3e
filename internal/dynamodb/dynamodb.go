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
//	sotercall:failures:<id>     challenge.DynamoDB          GetItem, UpdateItem
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
// nonce in its item, that it has been done already. Everything together waits for as
// long as the context lets it, and for five seconds at most.
//
// Three actions of one API are worded here, and signed by AWS's own library. Its
// client for DynamoDB would make the zip of a function a tenth larger, and be ready
// later than all else in it; the tests hold our requests against it.
package dynamodb

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sotercall/internal/loopback"
	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

// idleLife is how long an idle connection is kept.
const idleLife = 30 * time.Second

// Table is a table. It may be used concurrently. Make it with [Open].
type Table struct {
	// Scrub takes secrets out of what the server says; the credentials, and what a
	// request carries, are taken out in any case. Set it before the first use.
	Scrub *secret.Scrubber

	name, region, endpoint string
	credentials            credentials
	connections            *upstream.Client
	budget                 *upstream.Budget
}

// credentials are those of the function's role.
type credentials struct{ id, key, session secret.Text }

// reveal gives them to who signs.
func (c credentials) reveal() aws.Credentials {
	return aws.Credentials{AccessKeyID: c.id.Reveal(), SecretAccessKey: c.key.Reveal(), SessionToken: c.session.Reveal()}
}

// Open makes the Table of that name from the variables that Lambda sets: AWS_REGION,
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN (AWS Lambda
// Developer Guide, "Defined runtime environment variables"). With
// AWS_ENDPOINT_URL_DYNAMODB it is reached at another address than the region's, in
// the clear on this machine only. It connects when the Table is used, not before. The
// errors name the variable.
func Open(name string, environment map[string]string) (*Table, error) {
	t := &Table{
		name: name, region: environment["AWS_REGION"], endpoint: environment["AWS_ENDPOINT_URL_DYNAMODB"],
		credentials: credentials{
			id:      secret.New(environment["AWS_ACCESS_KEY_ID"]),
			key:     secret.New(environment["AWS_SECRET_ACCESS_KEY"]),
			session: secret.New(environment["AWS_SESSION_TOKEN"]),
		},
		connections: upstream.New(idleLife, time.Now),
		budget:      upstream.NewBudget(time.Now),
	}
	switch {
	case len(name) < 3, len(name) > 255, !isOf(name, lower+upper+digits+"_.-"): // DynamoDB API, CreateTable
		return nil, errors.New("DYNAMODB_TABLE must be the name of a table: 3 to 255 of A-Z a-z 0-9 _ . -")
	case t.region == "", !isOf(t.region, lower+digits+"-"):
		return nil, errors.New("AWS_REGION must be the region of DYNAMODB_TABLE: Lambda sets it")
	case t.credentials.id.IsZero(), t.credentials.key.IsZero():
		return nil, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: DYNAMODB_TABLE needs them, and Lambda sets them")
	case t.endpoint == "":
		t.endpoint = "https://dynamodb." + t.region + "." + domain(t.region)
	case !isEndpoint(t.endpoint):
		return nil, errors.New("AWS_ENDPOINT_URL_DYNAMODB must be an https address (http only to this machine)")
	}
	return t, nil
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// isOf reports whether text has only these characters.
func isOf(text, characters string) bool { return strings.TrimLeft(text, characters) == "" }

// domain is where the services of a region are (AWS General Reference, "Amazon DynamoDB
// endpoints and quotas").
func domain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

func isEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Hostname() != "" && u.User == nil && u.RawQuery == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && loopback.Host(u.Host))
}

// Close closes the connections that are idle.
func (t *Table) Close() { t.connections.CloseIdle() }
