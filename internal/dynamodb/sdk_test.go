package dynamodb_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dynamodb"
	"sotercall/internal/dynamodb/dynalite"
)

// asked is what of a request counts.
type asked struct{ method, path, target, contentType, body, credential string }

var (
	credential = regexp.MustCompile(`Credential=([^/]+)/\d{8}/([^,]+)`)
	signed     = regexp.MustCompile(`SignedHeaders=([^,]+), Signature=[0-9a-f]{64}$`)
)

// record answers everything with an empty item, and records it.
func record(t *testing.T) (address string, last func() asked) {
	t.Helper()
	var was asked
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		authorization := r.Header.Get("Authorization")
		was = asked{r.Method, r.URL.Path, r.Header.Get("X-Amz-Target"), r.Header.Get("Content-Type"), string(body),
			strings.Join(credential.FindStringSubmatch(authorization)[1:], " ")}
		if match := signed.FindStringSubmatch(authorization); assert.NotNil(t, match, authorization) {
			for _, header := range []string{"content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"} {
				assert.Contains(t, strings.Split(match[1], ";"), header)
			}
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(server.Close)
	return server.URL, func() asked { return was }
}

// Our requests are those of AWS's own client.
func TestRequestsAreThoseOfTheSDK(t *testing.T) {
	address, last := record(t)
	table, err := dynamodb.Open("sotercall", map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": address, "AWS_REGION": dynalite.Region, "AWS_ACCESS_KEY_ID": dynalite.AccessKey,
		"AWS_SECRET_ACCESS_KEY": dynalite.SecretKey, "AWS_SESSION_TOKEN": dynalite.Session,
	})
	require.NoError(t, err)
	t.Cleanup(table.Close)
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	client := sdk.New(sdk.Options{
		Region: dynalite.Region, BaseEndpoint: &address, HTTPClient: &http.Client{Transport: transport},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: dynalite.AccessKey, SecretAccessKey: dynalite.SecretKey, SessionToken: dynalite.Session}, nil
		}),
	})

	const strange = "<&>\"\\\u2028ñ😀\x00"
	name, key := new("sotercall"), map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "k" + strange}}
	ours := dynamodb.Condition{
		If: "attribute_not_exists(pk) OR #n < :n", Names: map[string]string{"#n": "n"},
		Values: dynamodb.Item{":n": dynamodb.Number(int64(-7)), ":s": dynamodb.String(strange)},
	}
	values := map[string]types.AttributeValue{":n": &types.AttributeValueMemberN{Value: "-7"}, ":s": &types.AttributeValueMemberS{Value: strange}}
	for action, c := range map[string]struct{ ours, theirs func() error }{
		"GetItem": {
			func() error { _, err := table.Get(t.Context(), "k"+strange); return err },
			func() error {
				_, err := client.GetItem(t.Context(), &sdk.GetItemInput{TableName: name, Key: key, ConsistentRead: new(true)})
				return err
			},
		},
		"GetItem, some attributes": {
			func() error { _, err := table.Get(t.Context(), "k"+strange, "a b", "c"); return err },
			func() error {
				_, err := client.GetItem(t.Context(), &sdk.GetItemInput{TableName: name, Key: key, ConsistentRead: new(true),
					ProjectionExpression: new("#a0, #a1"), ExpressionAttributeNames: map[string]string{"#a0": "a b", "#a1": "c"}})
				return err
			},
		},
		"PutItem": {
			func() error {
				return table.Put(t.Context(), "k"+strange, dynamodb.Item{"text": dynamodb.String(""), "number": dynamodb.Number(uint64(1) << 63)}, ours)
			},
			func() error {
				_, err := client.PutItem(t.Context(), &sdk.PutItemInput{TableName: name, Item: map[string]types.AttributeValue{"pk": key["pk"],
					"text": &types.AttributeValueMemberS{}, "number": &types.AttributeValueMemberN{Value: "9223372036854775808"}},
					ConditionExpression: &ours.If, ExpressionAttributeNames: ours.Names, ExpressionAttributeValues: values,
					ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
				return err
			},
		},
		"UpdateItem": {
			func() error {
				_, err := table.Update(t.Context(), "k"+strange, "SET #n = :n, s = :s", ours)
				return err
			},
			func() error {
				_, err := client.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: name, Key: key, UpdateExpression: new("SET #n = :n, s = :s"),
					ConditionExpression: &ours.If, ExpressionAttributeNames: ours.Names, ExpressionAttributeValues: values,
					ReturnValues: types.ReturnValueAllOld, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
				return err
			},
		},
	} {
		require.NoError(t, c.ours(), action)
		got := last()
		require.NoError(t, c.theirs(), action)
		want := last()
		assert.JSONEq(t, want.body, got.body, action)
		got.body = want.body
		assert.Equal(t, want, got, action)
	}
}

// A table is reached where AWS's own client reaches it.
func TestEndpointsAreThoseOfTheSDK(t *testing.T) {
	for _, region := range []string{"us-east-1", "eu-west-1", "ap-southeast-7", "mx-central-1", "us-gov-west-1", "cn-north-1", "cn-northwest-1"} {
		table, err := dynamodb.Open("sotercall", map[string]string{"AWS_REGION": region, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"})
		require.NoError(t, err)
		want, err := sdk.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), sdk.EndpointParameters{Region: &region})
		require.NoError(t, err)
		assert.Equal(t, want.URI.String(), table.Endpoint(), region)
	}
}
