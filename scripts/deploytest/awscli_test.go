package deploytest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/moto"
	"sotercall/internal/need"
)

// awsOnPath returns the variable PATH with the AWS CLI that scripts/tools pins in front.
func awsOnPath(t *testing.T) string {
	t.Helper()
	return "PATH=" + filepath.Dir(need.Python(t, "aws")) + string(filepath.ListSeparator) + os.Getenv("PATH")
}

// documentedAWS returns the commands of docs/aws.md and docs/operations.md that speak to
// Secrets Manager or DynamoDB, in their order.
func documentedAWS(t *testing.T) []string {
	t.Helper()
	var commands []string
	for _, file := range []string{"aws.md", "operations.md"} {
		page, err := os.ReadFile(filepath.Join(folder, "../docs", file))
		require.NoError(t, err)
		for _, found := range regexp.MustCompile("(?m)^(?:openssl [^\n]* \\| )?aws (?:secretsmanager|dynamodb) .*$|`aws (?:secretsmanager|dynamodb) [^`]* [^`]*`").FindAllString(string(page), -1) {
			if found = strings.ReplaceAll(strings.Trim(found, "`"), "\n", " "); strings.Contains(found, " --") {
				commands = append(commands, found)
			}
		}
	}
	return commands
}

// TestDocumentedAWSCommands runs them with the AWS CLI, in front of moto.
func TestDocumentedAWSCommands(t *testing.T) {
	environment := []string{
		awsOnPath(t), "AWS_ENDPOINT_URL=" + moto.Start(t), "AWS_REGION=" + moto.Region, "AWS_DEFAULT_REGION=" + moto.Region,
		"AWS_ACCESS_KEY_ID=" + moto.AccessKey, "AWS_SECRET_ACCESS_KEY=" + moto.SecretKey, "TableName=sotercall-StoreTable-1", "AWS_PAGER=",
	}
	run := func(line string) string {
		return output(t.Context(), t, t.TempDir(), environment, "sh", "-c", line)
	}
	secret := func(name string) string {
		var got struct{ SecretString string }
		require.NoError(t, json.Unmarshal([]byte(run("aws secretsmanager get-secret-value --output json --secret-id sotercall/"+name)), &got))
		return got.SecretString
	}
	table := at(t, load(t, "template.yaml"), "Resources", "StoreTable", "Properties").(object)
	definition, err := json.Marshal(object{"TableName": "sotercall-StoreTable-1", "BillingMode": table["BillingMode"],
		"AttributeDefinitions": table["AttributeDefinitions"], "KeySchema": table["KeySchema"]})
	require.NoError(t, err)
	run("aws dynamodb create-table --cli-input-json '" + string(definition) + "'")

	commands := documentedAWS(t)
	require.Len(t, commands, 6)
	const typed = "printf 'the secret that is typed\\n' | " // Enter, and Ctrl-D
	run(typed + commands[0])
	assert.Equal(t, "the secret that is typed\n", secret("WECHAT_APPSECRET"))
	run(commands[1])
	run(commands[2])
	assert.Regexp(t, `^[0-9a-f]{64}\n$`, secret("CHALLENGE_SECRET"))
	assert.Regexp(t, `^[0-9a-f]{64}\n$`, secret("TOKEN_CLIENT_SECRETS"))
	assert.NotEqual(t, secret("CHALLENGE_SECRET"), secret("TOKEN_CLIENT_SECRETS"))

	assert.Contains(t, commands[5], "put-secret-value")
	run("printf 'the next secret\\n' | " + strings.ReplaceAll(commands[5], "…", "WECHAT_APPSECRET"))
	assert.Equal(t, "the next secret\n", secret("WECHAT_APPSECRET"))

	assert.Contains(t, run("aws dynamodb list-tables"), "sotercall-StoreTable-1")
	run(commands[3])
	assert.NotContains(t, run("aws dynamodb list-tables"), "sotercall-StoreTable-1")
	run(commands[4])
	assert.Contains(t, run("aws secretsmanager describe-secret --secret-id sotercall/WECHAT_APPSECRET"), "DeletedDate")
}
