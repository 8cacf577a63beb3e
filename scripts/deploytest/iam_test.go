package deploytest

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/moto"
)

// account is an AWS account on moto, which checks signatures and refuses actions that no
// policy of the caller allows. It does not check an owner's first requests.
type account struct {
	t    *testing.T
	url  string
	left int // of the requests that are not checked
}

func newAccount(t *testing.T, unchecked int) *account {
	t.Helper()
	return &account{t, moto.StartWithIAM(t, unchecked), unchecked}
}

// own makes a request as the owner of the account. target is empty for services that
// take forms.
func (a *account) own(service, target, body string) string {
	a.t.Helper()
	require.Positive(a.t, a.left, "more requests than are unchecked")
	a.left--
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.url, strings.NewReader(body))
	require.NoError(a.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if target != "" {
		request.Header.Set("Content-Type", "application/x-amz-json-1.1")
		request.Header.Set("X-Amz-Target", target)
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+moto.AccessKey+"/20260101/"+moto.Region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	reply, err := http.DefaultClient.Do(request)
	require.NoError(a.t, err)
	defer reply.Body.Close()
	said, err := io.ReadAll(reply.Body)
	require.NoError(a.t, err)
	require.Equal(a.t, http.StatusOK, reply.StatusCode, "%s", said)
	return string(said)
}

// secret stores a secret and returns its ARN.
func (a *account) secret(name, value string) string {
	a.t.Helper()
	var made struct{ ARN string }
	body, err := json.Marshal(object{"Name": name, "SecretString": value})
	require.NoError(a.t, err)
	require.NoError(a.t, json.Unmarshal([]byte(a.own("secretsmanager", "secretsmanager.CreateSecret", string(body))), &made))
	return made.ARN
}

// role makes a role with policies, and returns variables with credentials of it.
func (a *account) role(name string, policies map[string][]any) map[string]string {
	a.t.Helper()
	form := func(action, version string, more ...string) string {
		values := url.Values{"Action": {action}, "Version": {version}, "RoleName": {name}}
		for i := 0; i < len(more); i += 2 {
			values.Set(more[i], more[i+1])
		}
		return values.Encode()
	}
	const iam = "2010-05-08"
	a.own("iam", "", form("CreateRole", iam, "AssumeRolePolicyDocument", `{"Version":"2012-10-17","Statement":[]}`))
	for policy, statements := range policies {
		document, err := json.Marshal(object{"Version": "2012-10-17", "Statement": statements})
		require.NoError(a.t, err)
		a.own("iam", "", form("PutRolePolicy", iam, "PolicyName", policy, "PolicyDocument", string(document)))
	}
	var assumed struct {
		Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken string } `xml:"AssumeRoleResult>Credentials"`
	}
	require.NoError(a.t, xml.Unmarshal([]byte(a.own("sts", "", form("AssumeRole", "2011-06-15",
		"RoleArn", "arn:aws:iam::123456789012:role/"+name, "RoleSessionName", "function"))), &assumed))
	return map[string]string{
		"AWS_ACCESS_KEY_ID": assumed.Credentials.AccessKeyId, "AWS_SECRET_ACCESS_KEY": assumed.Credentials.SecretAccessKey,
		"AWS_SESSION_TOKEN": assumed.Credentials.SessionToken, "AWS_REGION": moto.Region, "AWS_ENDPOINT_URL": a.url,
	}
}

// actionsOnly leaves of policies what moto enforces: it knows neither the resource nor the
// key of a request. Those are tested with guardedTable.
func actionsOnly(policies map[string][]any) map[string][]any {
	left := map[string][]any{}
	for name, statements := range policies {
		for _, statement := range statements {
			left[name] = append(left[name], object{"Effect": statement.(object)["Effect"], "Action": statement.(object)["Action"], "Resource": "*"})
		}
	}
	return left
}

// TestFunctionsWorkWithTheirRoles runs verify and the token function with credentials of
// the template's roles. They have all that they need, and each policy is needed.
func TestFunctionsWorkWithTheirRoles(t *testing.T) {
	t.Parallel() // other people's programs take seconds to start
	token := actionsOnly(rights(t, object{"TokenClients": "yes"}, "Token"))
	verify := actionsOnly(rights(t, nil, "Verify"))
	require.Len(t, token, 3, "Log, Secrets, Table")
	require.Len(t, verify, 3)
	without := func(policies map[string][]any, name string) map[string][]any {
		fewer := maps.Clone(policies)
		delete(fewer, name)
		return fewer
	}
	const appSecret, client = "the-AppSecret-of-the-test-000001", "a-client-secret-of-the-test-00001"
	a := newAccount(t, 3+6*5-4) // two secrets, a table; six roles, of which four lack a policy
	appSecretARN, clientARN := a.secret("sotercall/WECHAT_APPSECRET", appSecret), a.secret("sotercall/TOKEN_CLIENT_SECRETS", client)
	a.own("dynamodb", "DynamoDB_20120810.CreateTable", `{"TableName":"store","BillingMode":"PAY_PER_REQUEST",
		"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`)
	folder := t.TempDir()
	require.NoError(t, gobuild.Functions(t.Context(), folder, "verify", "token"))

	type trial struct {
		function, path, name string
		role                 map[string]string
		says, logs           string
	}
	var trials []trial
	add := func(function, path, name string, policies map[string][]any, says, logs string) {
		trials = append(trials, trial{function, path, name, a.role(function+"-"+name, policies), says, logs})
	}
	// moto refuses in XML, where both services speak JSON.
	const denied = "what answers does not speak AWS's language"
	const status, signature = "/openapi/auth/getTokenStatus", "/openapi/soter/verifySignature"
	add("token", status, "whole", token, `{"apps":[{"appid":"wx0123456789abcdef","fetchedAt":`, "")
	add("token", status, "noSecrets", without(token, "Secrets"), `"errCode":-604103`, "the request to Secrets Manager failed: "+denied)
	add("token", status, "noTable", without(token, "Table"), `"storeFailed":true`, "GetItem: "+denied)
	add("verify", signature, "whole", verify, `{"isOk":true,`, "")
	add("verify", signature, "noSecrets", without(verify, "Secrets"), `"errCode":-604103`, "the request to Secrets Manager failed: "+denied)
	add("verify", signature, "noTable", without(verify, "Table"), `"errCode":-604103`, "UpdateItem: "+denied)
	require.Zero(t, a.left, "from here on, everything is checked")

	for _, trial := range trials {
		t.Run(trial.function+", "+trial.name, func(t *testing.T) {
			t.Parallel() // each waits for the time of notice at its end
			wechat, err := sandbox.New(sandbox.Options{AppID: "wx0123456789abcdef", AppSecret: appSecret})
			require.NoError(t, err)
			variables := hosted.With(trial.role, map[string]string{"WECHAT_APPID": "wx0123456789abcdef", "WECHAT_API_BASE": hosted.Serve(t, wechat),
				"DYNAMODB_TABLE": "store", "HTTP_BEARER_TOKENS": operator, "WECHAT_APPSECRET_ARN": appSecretARN})
			if trial.function == "token" {
				variables["TOKEN_CLIENT_SECRETS_ARN"] = clientARN
			} else {
				maps.Copy(variables, map[string]string{"HTTP_AUTH": "bearer", "COUNTER_POLICY": "enforce"})
			}
			log := new(hosted.Log)
			function := hosted.Run(t, emulator.StartHTTP, emulator.Function{Name: trial.function,
				Binary: filepath.Join(folder, trial.function), Env: variables, Timeout: time.Minute, Log: log})
			if trial.function == "token" {
				given := post(t, function.URL+"/cgi-bin/stable_token", fmt.Sprintf(`{"grant_type":"client_credential","appid":"wx0123456789abcdef","secret":%q}`, client))
				assert.Equal(t, trial.name != "noSecrets", strings.Contains(given, `"access_token"`), given)
			}
			said := post(t, function.URL+trial.path, signedBy(t, wechat, trial.function))
			require.NoError(t, function.Stop(), "with all that was logged written")
			assert.Contains(t, said, trial.says, log)
			assert.Contains(t, log.String(), trial.logs)
			assert.Equal(t, trial.logs != "", strings.Contains(log.String(), denied), log)
			assert.Equal(t, trial.name == "noTable" && trial.function == "token", strings.Contains(said, "storeFailed"), said)
		})
	}
}

const operator = "an-operator-of-the-test-00000001"

// signedBy returns the request for verify: what a phone signed. The token function's is empty.
func signedBy(t *testing.T, wechat *sandbox.Sandbox, function string) string {
	t.Helper()
	if function == "token" {
		return "{}"
	}
	phone, err := wechat.Phone("oUser-of-the-test", sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign("a challenge")
	require.NoError(t, err)
	return string(hosted.JSON(t, signed))
}

func post(t *testing.T, url, body string) string {
	t.Helper()
	_, said := hosted.Post(t, url, []byte(body), http.Header{"Authorization": {"Bearer " + operator}})
	return said
}
