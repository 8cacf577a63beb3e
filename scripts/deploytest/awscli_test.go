package deploytest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/documented"
	"sotercall/internal/test/moto"
	"sotercall/internal/test/need"
)

// awsOnPath returns the variable PATH with the AWS CLI that scripts/tools pins in front.
func awsOnPath(t *testing.T) string {
	t.Helper()
	return "PATH=" + filepath.Dir(need.Python(t, "aws")) + string(filepath.ListSeparator) + os.Getenv("PATH")
}

// TestDocumentedAWSCommands runs the commands of docs/aws.md and docs/operations.md that speak
// to Secrets Manager or DynamoDB, with the AWS CLI, in front of moto.
func TestDocumentedAWSCommands(t *testing.T) {
	t.Parallel() // other people's programs take seconds to start
	url := moto.Start(t)
	environment := []string{
		awsOnPath(t), "AWS_ENDPOINT_URL=" + url, "AWS_REGION=" + moto.Region, "AWS_DEFAULT_REGION=" + moto.Region,
		"AWS_ACCESS_KEY_ID=" + moto.AccessKey, "AWS_SECRET_ACCESS_KEY=" + moto.SecretKey, "TableName=sotercall-StoreTable-1", "AWS_PAGER=",
	}
	run := func(line string) {
		t.Helper()
		output(t.Context(), t, t.TempDir(), environment, "sh", "-c", line)
	}
	login := credentials.NewStaticCredentialsProvider(moto.AccessKey, moto.SecretKey, "")
	secrets := secretsmanager.New(secretsmanager.Options{Region: moto.Region, BaseEndpoint: &url, Credentials: login})
	tables := dynamodb.New(dynamodb.Options{Region: moto.Region, BaseEndpoint: &url, Credentials: login})
	secret := func(name string) string {
		t.Helper()
		got, err := secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("sotercall/" + name)})
		require.NoError(t, err)
		return *got.SecretString
	}
	table := aws.String("sotercall-StoreTable-1")
	_, err := tables.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
	})
	require.NoError(t, err)

	commands := documented.Commands(t)
	require.Len(t, commands, 5)
	const typed = "printf 'the secret that is typed\n' | " // Enter, and Ctrl-D
	run(typed + commands[0])
	assert.Equal(t, "the secret that is typed\n", secret("WECHAT_APPSECRET"))
	run(commands[1])
	run(commands[2])
	assert.Regexp(t, `^[0-9a-f]{64}\n$`, secret("CHALLENGE_SECRET"))
	assert.Regexp(t, `^[0-9a-f]{64}\n$`, secret("TOKEN_CLIENT_SECRETS"))
	assert.NotEqual(t, secret("CHALLENGE_SECRET"), secret("TOKEN_CLIENT_SECRETS"))

	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	put := regexp.MustCompile("`(aws secretsmanager put-secret-value [^`]*)`").FindSubmatch(page)
	require.NotNil(t, put)
	run("printf 'the next secret\n' | " + strings.NewReplacer("…", "WECHAT_APPSECRET", "\n", " ").Replace(string(put[1])))
	assert.Equal(t, "the next secret\n", secret("WECHAT_APPSECRET"))

	run(commands[3])
	_, err = tables.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: table})
	assert.ErrorContains(t, err, "ResourceNotFoundException")
	run(commands[4])
	_, err = secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("sotercall/WECHAT_APPSECRET")})
	assert.ErrorContains(t, err, "marked deleted")
}
