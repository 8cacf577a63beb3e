// Package dynamodb is the store that all instances of the functions share, in Amazon
// DynamoDB: on AWS Lambda it needs no VPC and nothing that runs beside it.
//
// A [Table] is one table, named by DYNAMODB_TABLE, with a string partition key pk,
// no sort key, and TTL on the attribute expires. One item is all that a request
// touches. The keys of its items, by what keeps them:
//
//	pk                          kept by   actions
//	sotercall:token:<appid>     Tokens    GetItem, PutItem
//	sotercall:challenge:<id>    Ledger    PutItem
//	sotercall:failures:<id>     Ledger    GetItem, UpdateItem
//	sotercall:counter:<device>  Ledger    UpdateItem
//	sotercall:authkeys:<openid> AuthKeys  GetItem, UpdateItem
//
// Each kind has a prefix of its own, so that the role of a function can be limited
// to the keys that it uses: dynamodb:LeadingKeys compares pk, with
// ForAllValues:StringLike and a value such as sotercall:token:* (DynamoDB Developer
// Guide, "Using IAM policy conditions for fine-grained access control"). What an
// item has beside pk and expires stands with each.
//
// Every write has a condition, every read is consistent, and there are no
// transactions. DynamoDB deletes an item up to some days after its expires (same
// guide, "Time to Live"), so that an item which is there says nothing about time:
// who keeps it compares expires with the clock.
//
// A request is sent up to ten times where the connection ends without a reply, and three
// times where the service refuses for now or does not answer in time: a reply can be lost,
// and a connection die while a function is frozen. A write must therefore recognize, by a
// nonce in its item, that it has been done already.
// Everything together waits for as long as the context lets it, and for four seconds at
// most.
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

// Table is a table. It may be used concurrently. Make it with [Open].
type Table struct {
	// Redact masks secrets in what the server says. Set it before the first use.
	Redact *redact.Redactor

	name   string
	aws    *awssdk.Client
	client *sdk.Client
	// hopeless is why nothing works as it is configured; nil if something does.
	hopeless atomic.Pointer[string]
}

// Open makes the Table of that name, with the region, the credentials and the endpoint
// that package awssdk finds. It connects when the Table is used, not before. The errors
// name the variable.
func Open(name string, environment map[string]string) (*Table, error) {
	if len(name) < 3 || len(name) > 255 || !isOf(name, lower+upper+digits+"_.-") { // DynamoDB API, CreateTable
		return nil, errors.New("DYNAMODB_TABLE must be the name of a table: 3 to 255 of A-Z a-z 0-9 _ . -")
	}
	configured, err := awssdk.New(environment, "DYNAMODB", time.Now)
	if err != nil {
		return nil, err
	}
	if region := configured.Config.Region; region == "" || !isOf(region, lower+digits+"-") {
		return nil, errors.New("AWS_REGION must be the region of DYNAMODB_TABLE: Lambda sets it")
	}
	client := sdk.NewFromConfig(configured.Config, func(o *sdk.Options) {
		o.BaseEndpoint = configured.Config.BaseEndpoint
		o.EndpointOptions.UseFIPSEndpoint, o.EndpointOptions.UseDualStackEndpoint = configured.FIPS, configured.DualStack
	})
	return &Table{name: name, aws: configured, client: client}, nil
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// isOf reports whether text has only these characters.
func isOf(text, characters string) bool { return strings.TrimLeft(text, characters) == "" }

// Close closes the connections that are idle.
func (t *Table) Close() { t.aws.Close() }

// Hopeless returns why nothing can work as the table is configured, once the service has
// said so; nil if nothing is known.
func (t *Table) Hopeless() error {
	if why := t.hopeless.Load(); why != nil {
		return errors.New("DYNAMODB_TABLE: " + *why)
	}
	return nil
}
