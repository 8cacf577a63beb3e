package secrets_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secrets"
	"sotercall/internal/test/moto"
)

// TestSecretsOfMoto reads from a server that is not ours what an operator stores there:
// secrets as they are created, changed and deleted.
func TestSecretsOfMoto(t *testing.T) {
	url := moto.Start(t)
	operator := sdk.New(sdk.Options{
		Region: moto.Region, BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider(moto.AccessKey, moto.SecretKey, ""),
	})
	create := func(name, text string) string {
		created, err := operator.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: &name, SecretString: &text})
		require.NoError(t, err)
		return *created.ARN
	}
	document := `{"apps":{` + strings.Repeat(" ", 64<<10-11) + "}}" // 64 KiB, all that there may be
	prefix := fmt.Sprintf("sotercall-%d/", time.Now().UnixNano())   // -count runs the test again, on the same server
	appSecret, apps := create(prefix+"WECHAT_APPSECRET", "the-secret-of-the-app\n"), create(prefix+"WECHAT_APPS", document)
	clock := time.Now()
	variables := map[string]string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": url, "AWS_ACCESS_KEY_ID": moto.AccessKey, "AWS_SECRET_ACCESS_KEY": moto.SecretKey,
		"WECHAT_APPSECRET_ARN": appSecret, "WECHAT_APPS_ARN": apps,
	}
	opened := open(t, variables, func() time.Time { return clock })
	values, version, err := opened.Values(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, version)
	assert.Equal(t, "the-secret-of-the-app", values["WECHAT_APPSECRET"])
	assert.True(t, document == values["WECHAT_APPS"])

	_, err = operator.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: aws.String(prefix + "WECHAT_APPSECRET"), SecretString: aws.String("the-next-secret")})
	require.NoError(t, err)
	clock = clock.Add(secrets.Life)
	values, version, err = opened.Values(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, version)
	assert.Equal(t, "the-next-secret", values["WECHAT_APPSECRET"])

	_, err = operator.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: aws.String(prefix + "WECHAT_APPSECRET")})
	require.NoError(t, err)
	clock = clock.Add(secrets.Life)
	values, version, err = opened.Values(t.Context())
	assert.ErrorContains(t, err, "WECHAT_APPSECRET_ARN: Secrets Manager refuses, the secret may be marked for deletion")
	assert.Equal(t, 2, version, "what was read is kept")
	assert.Equal(t, "the-next-secret", values["WECHAT_APPSECRET"])

	withoutSuffix := appSecret[:strings.LastIndex(appSecret, "-")]
	for arn, says := range map[string]string{
		strings.Replace(apps, "WECHAT_APPS", "CHALLENGE_SECRET", 1): "Secrets Manager has no such secret",
		withoutSuffix: "the secret may be marked for deletion", // it is found without them
	} {
		variables := map[string]string{
			"AWS_ENDPOINT_URL_SECRETS_MANAGER": url, "AWS_ACCESS_KEY_ID": moto.AccessKey, "AWS_SECRET_ACCESS_KEY": moto.SecretKey,
			"CHALLENGE_SECRET_ARN": arn,
		}
		_, _, err := open(t, variables, time.Now).Values(t.Context())
		assert.ErrorContains(t, err, says)
	}
}
