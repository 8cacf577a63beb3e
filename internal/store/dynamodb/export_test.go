package dynamodb

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// With returns t with another HTTP client under it.
func (t *Table) With(retryer aws.Retryer, client aws.HTTPClient) *Table {
	options := t.client.Options()
	options.Retryer, options.HTTPClient = retryer, client
	return &Table{name: t.name, aws: t.aws, client: sdk.New(options)}
}
