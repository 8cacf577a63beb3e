package secretsmanager_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dynamodb/moto"
	"sotercall/internal/secretsmanager"
)

// A stand-in for Secrets Manager by other authors: a secret is read, and read anew after it
// was rotated.
func TestSecretsOfMoto(t *testing.T) {
	variables := moto.Credentials()
	address := moto.Start(t)
	connections := new(http.Transport)
	t.Cleanup(connections.CloseIdleConnections)
	client := sdk.New(sdk.Options{
		Region: variables["AWS_REGION"], BaseEndpoint: &address, HTTPClient: &http.Client{Transport: connections},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: variables["AWS_ACCESS_KEY_ID"], SecretAccessKey: variables["AWS_SECRET_ACCESS_KEY"]}, nil
		}),
	})
	made, err := client.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: aws.String("sotercall/WECHAT_APPSECRET"), SecretString: aws.String("first")})
	require.NoError(t, err)

	variables["AWS_ENDPOINT_URL_SECRETS_MANAGER"], variables["WECHAT_APPSECRET_ARN"] = address, *made.ARN
	clock := time.Now()
	secrets := open(t, variables, func() time.Time { return clock })
	values, version, err := secrets.Values(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "first", values["WECHAT_APPSECRET"])
	_, err = client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: made.ARN, SecretString: aws.String("second")})
	require.NoError(t, err)
	clock = clock.Add(secretsmanager.Life)
	values, next, err := secrets.Values(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "second", values["WECHAT_APPSECRET"])
	assert.Equal(t, version+1, next)

	variables["WECHAT_APPSECRET_ARN"] = strings.Replace(*made.ARN, "WECHAT", "NO", 1)
	_, _, err = open(t, variables, time.Now).Values(t.Context())
	assert.EqualError(t, err, "WECHAT_APPSECRET_ARN: Secrets Manager has no such secret, or it has no current version")
}
