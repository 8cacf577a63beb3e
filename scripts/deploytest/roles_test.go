package deploytest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rights are the statements of a function's role, by the names of its policies.
func rights(t *testing.T, set object, function string) map[string][]any {
	t.Helper()
	role := at(t, evaluate(t, load(t, "template.yaml"), set).stack(), function+"Role", "Properties")
	assert.NotContains(t, role, "ManagedPolicyArns")
	found := map[string][]any{}
	for _, policy := range at(t, role, "Policies").([]any) {
		found[at(t, policy, "PolicyName").(string)] = at(t, policy, "PolicyDocument", "Statement").([]any)
	}
	return found
}

// mayRead are the secrets of a role.
func mayRead(t *testing.T, policies map[string][]any) []string {
	t.Helper()
	require.Len(t, policies["Secrets"], 1)
	assert.Equal(t, "secretsmanager:GetSecretValue", at(t, policies["Secrets"][0], "Action"))
	var names []string
	for _, resource := range at(t, policies["Secrets"][0], "Resource").([]any) {
		name, ok := strings.CutPrefix(resource.(string), "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:sotercall/")
		require.True(t, ok, resource)
		name, ok = strings.CutSuffix(name, "-??????") // what Secrets Manager adds to a name
		require.True(t, ok, resource)
		names = append(names, name)
	}
	return names
}

// mayUse are the keys of the table that a role may use, and how.
func mayUse(t *testing.T, policies map[string][]any) map[string][]any {
	t.Helper()
	keys := map[string][]any{}
	for _, statement := range policies["Table"] {
		assert.Equal(t, object{"Fn::GetAtt": "StoreTable.Arn"}, at(t, statement, "Resource"), "the table, and no index")
		leading := at(t, statement, "Condition", "ForAllValues:StringLike", "dynamodb:LeadingKeys").([]any)
		require.Len(t, leading, 1)
		keys[leading[0].(string)] = at(t, statement, "Action").([]any)
	}
	return keys
}

func TestRolesAllowWhatIsNeeded(t *testing.T) {
	all := object{
		"Challenges": "yes", "TokenClients": "yes", "SoterVerifier": "local",
		"SubnetIds": []any{"subnet-1"}, "SecurityGroupIds": []any{"sg-1"}, "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/k",
	}
	token := []any{"dynamodb:GetItem", "dynamodb:PutItem"}

	least := rights(t, nil, "Verify")
	assert.Equal(t, []string{"WECHAT_APPSECRET"}, mayRead(t, least))
	assert.Equal(t, map[string][]any{
		"sotercall:token:wx0123456789abcdef": token, "sotercall:counter:*": {"dynamodb:UpdateItem"},
	}, mayUse(t, least))
	assert.Len(t, least, 3, "the log, its secret, the table")

	most := rights(t, all, "Verify")
	assert.Equal(t, []string{"WECHAT_APPSECRET", "CHALLENGE_SECRET"}, mayRead(t, most))
	assert.Equal(t, map[string][]any{
		"sotercall:token:wx0123456789abcdef": token, "sotercall:counter:*": {"dynamodb:UpdateItem"},
		"sotercall:challenge:*": {"dynamodb:PutItem"}, "sotercall:failures:*": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
		"sotercall:authkeys:*": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
	}, mayUse(t, most))

	tokens := rights(t, all, "Token")
	assert.Equal(t, []string{"WECHAT_APPSECRET", "TOKEN_CLIENT_SECRETS"}, mayRead(t, tokens))
	assert.Equal(t, map[string][]any{"sotercall:token:wx0123456789abcdef": token}, mayUse(t, tokens))
	for _, policies := range []map[string][]any{most, tokens} {
		assert.Equal(t, []any{object{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:eu-central-1:123456789012:key/k"}}, policies["Key"])
		require.Len(t, policies["Vpc"], 1)
		assert.Equal(t, []any{"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface"}, at(t, policies["Vpc"][0], "Action"))
		assert.Len(t, policies, 5)
	}

	challenge := rights(t, all, "Challenge")
	assert.Equal(t, []string{"CHALLENGE_SECRET"}, mayRead(t, challenge))
	assert.Empty(t, mayUse(t, challenge), "it stores nothing")
	assert.Len(t, challenge, 3)

	for function, policies := range map[string]map[string][]any{"Verify": most, "Token": tokens, "Challenge": challenge} {
		assert.Equal(t, []any{object{
			"Effect": "Allow", "Action": []any{"logs:CreateLogStream", "logs:PutLogEvents"}, "Resource": object{"Fn::GetAtt": function + "Logs.Arn"},
		}}, policies["Log"])
	}
	alone := rights(t, object{"Store": "none"}, "Verify")
	assert.Equal(t, []string{"VERIFY_CLIENT_SECRET"}, mayRead(t, alone))
	assert.NotContains(t, alone, "Table")
	redis := rights(t, object{"Store": "redis"}, "Verify")
	assert.Equal(t, []string{"WECHAT_APPSECRET", "REDIS_URL"}, mayRead(t, redis))
	assert.NotContains(t, redis, "Table")
}

// What a function may read is what it is told to.
func TestRolesAllowTheSecretsThatTheFunctionsRead(t *testing.T) {
	for _, set := range []object{nil, {"Challenges": "yes"}, {"TokenClients": "yes"}, {"Store": "redis", "Challenges": "yes", "TokenClients": "yes"}, {"Store": "none"}} {
		for function, read := range secretsOf(t, set) {
			var names []string
			for _, name := range read {
				names = append(names, name)
			}
			assert.ElementsMatch(t, names, mayRead(t, rights(t, set, strings.ToUpper(function[:1])+function[1:])), "%s with %v", function, set)
		}
	}
}

func TestTableIsOnDemandAndStays(t *testing.T) {
	want := object{
		"BillingMode":                      "PAY_PER_REQUEST",
		"AttributeDefinitions":             []any{object{"AttributeName": "pk", "AttributeType": "S"}},
		"KeySchema":                        []any{object{"AttributeName": "pk", "KeyType": "HASH"}},
		"TimeToLiveSpecification":          object{"AttributeName": "expires", "Enabled": true},
		"PointInTimeRecoverySpecification": object{"PointInTimeRecoveryEnabled": false},
		"SSESpecification":                 object{"SSEEnabled": true},
	}
	for _, table := range []any{
		at(t, load(t, "template.yaml"), "Resources", "StoreTable"),
		at(t, load(t, "serverless.aws.yml"), "resources", "Resources", "StoreTable"),
	} {
		assert.Equal(t, want, at(t, table, "Properties"))
		assert.Equal(t, "Retain", at(t, table, "DeletionPolicy"))
		assert.Equal(t, "Retain", at(t, table, "UpdateReplacePolicy"))
	}
	assert.Contains(t, evaluate(t, load(t, "template.yaml"), nil).stack(), "StoreTable")
	for _, store := range []string{"redis", "none"} {
		assert.NotContains(t, evaluate(t, load(t, "template.yaml"), object{"Store": store}).stack(), "StoreTable")
	}
}

// The Serverless Framework's functions have one role: what verify and token may do,
// and no more.
func TestRoleOfTheServerlessFile(t *testing.T) {
	statements := at(t, load(t, "serverless.aws.yml"), "provider", "iam", "role", "statements").([]any)
	require.Len(t, statements, 5)
	assert.Equal(t, "secretsmanager:GetSecretValue", at(t, statements[0], "Action"))
	assert.Equal(t, object{"Fn::Sub": "${self:custom.secret}/*"}, at(t, statements[0], "Resource"))
	found := map[string]any{}
	for _, statement := range statements[1:] {
		assert.Equal(t, object{"Fn::GetAtt": []any{"StoreTable", "Arn"}}, at(t, statement, "Resource"))
		keys := at(t, statement, "Condition", "ForAllValues:StringLike", "dynamodb:LeadingKeys").([]any)
		require.Len(t, keys, 1)
		found[keys[0].(string)] = at(t, statement, "Action")
	}
	assert.Equal(t, map[string]any{
		"sotercall:token:${param:appId}": []any{"dynamodb:GetItem", "dynamodb:PutItem"},
		"sotercall:challenge:*":          "dynamodb:PutItem",
		"sotercall:failures:*":           []any{"dynamodb:GetItem", "dynamodb:UpdateItem"},
		"sotercall:counter:*":            "dynamodb:UpdateItem",
	}, found)
}
