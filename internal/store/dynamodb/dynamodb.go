// Package dynamodb is the shared store in Amazon DynamoDB. On AWS Lambda it needs no VPC
// and no server.
//
// A [Table] is one table, named by DYNAMODB_TABLE, with a string partition key pk, no sort
// key, and TTL on the attribute expires. A request uses one item. The keys of its items, by
// type:
//
//	pk                          kept by   actions
//	sotercall:token:<appid>     Tokens    GetItem, PutItem
//	sotercall:challenge:<id>    Ledger    PutItem
//	sotercall:failures:<id>     Ledger    GetItem, UpdateItem
//	sotercall:counter:<device>  Ledger    UpdateItem
//	sotercall:authkeys:<openid> AuthKeys  GetItem, UpdateItem
//
// Each kind has a prefix of its own, so that a function's role can be limited to the keys
// that it uses. dynamodb:LeadingKeys compares pk, with ForAllValues:StringLike and a value
// such as sotercall:token:* (DynamoDB Developer Guide, "Using IAM policy conditions for
// fine-grained access control"). Each type documents its attributes beside pk and expires.
//
// Every write has a condition, every read is consistent, and there are no transactions.
// DynamoDB deletes an item up to some days after its expires (same guide, "Time to Live").
// So an item that exists may have expired: its reader compares expires with the clock.
//
// A request is sent up to ten times if the connection ends without a reply. It is sent up
// to three times if the service refuses for now or does not reply in time. A reply can be
// lost, and a connection can die while a function is frozen. So a write must recognise, by
// a nonce in its item, that it has been done already. The context bounds everything
// together, and so do four seconds.
package dynamodb

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"sotercall/internal/secret/redact"
	"sotercall/internal/upstream/awssdk"
)

// Table is a table. It is safe for concurrent use. Use [Open] to make one.
type Table struct {
	// Redact masks secrets in the server's texts. Set it before the first use.
	Redact *redact.Redactor

	name   string
	aws    *awssdk.Service
	client *sdk.Client
	// hopeless is why this configuration can never work; nil if it may.
	hopeless atomic.Pointer[string]
}

// Open returns the Table of that name, with the region, the credentials and the endpoint
// that package awssdk finds. It connects on first use. An error about the region or the
// endpoint names its variable.
func Open(name string, environment map[string]string) (*Table, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	configured, err := awssdk.New(environment, "DYNAMODB", time.Now)
	if err != nil {
		return nil, err
	}
	if region := configured.Config.Region; region == "" || !isOf(region, lower+digits+"-") {
		return nil, errors.New("AWS_REGION must be the region of the table: Lambda sets it")
	}
	client := sdk.NewFromConfig(configured.Config, func(o *sdk.Options) {
		o.BaseEndpoint = configured.Config.BaseEndpoint
		o.EndpointOptions.UseFIPSEndpoint, o.EndpointOptions.UseDualStackEndpoint = configured.FIPS, configured.DualStack
	})
	return &Table{name: name, aws: configured, client: client}, nil
}

// checkName returns why a table cannot have that name (DynamoDB API, CreateTable).
func checkName(name string) error {
	if len(name) < 3 || len(name) > 255 || !isOf(name, lower+upper+digits+"_.-") {
		return errors.New("must be the name of a table: 3 to 255 of A-Z a-z 0-9 _ . -")
	}
	return nil
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// isOf reports whether text has only these characters.
func isOf(text, characters string) bool { return strings.TrimLeft(text, characters) == "" }

// Close closes the idle connections.
func (t *Table) Close() { t.aws.Close() }

// Hopeless returns why this configuration can never work, once the service has said so; nil
// if nothing is known.
func (t *Table) Hopeless() error {
	if why := t.hopeless.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}
