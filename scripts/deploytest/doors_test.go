package deploytest

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/openapi"
)

// route is one route of the HTTP API.
type route struct{ authorization, function string }

// doors are all routes that there shall be. Those without IAM lead to paths that
// authorize by themselves.
var doors = map[string]route{
	"POST /openapi/soter/verifySignature":  {"AWS_IAM", "verify"},
	"POST /openapi/soter/issueChallenge":   {"AWS_IAM", "challenge"},
	"POST /cgi-bin/soter/verify_signature": {"NONE", "verify"},
	"POST /cgi-bin/stable_token":           {"NONE", "token"},
	"GET /cgi-bin/token":                   {"NONE", "token"},
}

func TestRoutesOfTheTemplate(t *testing.T) {
	template := load(t, "template.yaml")
	integrations := resources(t, template, "AWS::ApiGatewayV2::Integration")
	found := map[string]route{}
	for id, properties := range resources(t, template, "AWS::ApiGatewayV2::Route") {
		assert.Equal(t, object{"Ref": "Api"}, properties["ApiId"], id)
		target := strings.TrimSuffix(strings.TrimPrefix(at(t, properties, "Target", "Fn::Sub").(string), "integrations/${"), "}")
		uri := at(t, integrations[target], "IntegrationUri", "Fn::Sub").(string)
		_, uri, _ = strings.Cut(uri, "functions/${")
		logicalID, rest, _ := strings.Cut(uri, ".")
		assert.Equal(t, "Arn}/invocations", rest, target)
		found[at(t, properties, "RouteKey").(string)] = route{at(t, properties, "AuthorizationType").(string), functionsOf[logicalID]}
	}
	assert.Equal(t, doors, found)
}

// TestNoDoorIsOpenUnlessWanted: a stack with nothing but its defaults has one route,
// behind IAM, so that no stranger can keep its functions busy. Where verify fetches
// its tokens itself, it does not even need the token function.
func TestNoDoorIsOpenUnlessWanted(t *testing.T) {
	for name, c := range map[string]struct {
		set       object
		routes    []string
		tokenBase string
	}{
		"the defaults":    {nil, []string{"POST /openapi/soter/verifySignature"}, ""},
		"challenges":      {object{"Challenges": "yes", "Store": "redis"}, []string{"POST /openapi/soter/verifySignature", "POST /openapi/soter/issueChallenge"}, ""},
		"token's clients": {object{"TokenClients": "yes", "Challenges": "yes"}, slices.Collect(maps.Keys(doors)), ""},
		"no store": {object{"Store": "none"}, []string{"POST /openapi/soter/verifySignature", "POST /cgi-bin/stable_token", "GET /cgi-bin/token"},
			"https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"},
	} {
		var routes []string
		stack := evaluate(t, load(t, "template.yaml"), c.set).stack()
		for _, resource := range stack {
			if at(t, resource, "Type") == "AWS::ApiGatewayV2::Route" {
				routes = append(routes, at(t, resource, "Properties", "RouteKey").(string))
			}
		}
		assert.ElementsMatch(t, c.routes, routes, name)
		assert.Equal(t, c.tokenBase, at(t, stack, "VerifyFunction", "Properties", "Environment", "Variables", "WECHAT_TOKEN_BASE"), name)
		_, hasTokenFunction := stack["TokenFunction"]
		assert.Equal(t, slices.Contains(c.routes, "POST /cgi-bin/stable_token"), hasTokenFunction, name)
	}
}

func TestNothingElseLeadsIn(t *testing.T) {
	template := load(t, "template.yaml")
	for id, integration := range resources(t, template, "AWS::ApiGatewayV2::Integration") {
		assert.Equal(t, "2.0", integration["PayloadFormatVersion"], id)
		assert.Equal(t, "AWS_PROXY", integration["IntegrationType"], id)
		assert.NotContains(t, integration, "TimeoutInMillis", "the default, 30 s, is the most that there is")
	}
	api := resources(t, template, "AWS::ApiGatewayV2::Api")
	require.Len(t, api, 1)
	for _, quickCreate := range []string{"Target", "RouteKey", "Body", "BodyS3Location"} {
		assert.NotContains(t, api["Api"], quickCreate, "it makes routes that are not listed")
	}
	for id, url := range resources(t, template, "AWS::Lambda::Url") {
		assert.Equal(t, "AWS_IAM", url["AuthType"], id)
	}
	for id, permission := range resources(t, template, "AWS::Lambda::Permission") {
		assert.Equal(t, "apigateway.amazonaws.com", permission["Principal"], id)
		assert.True(t, strings.HasSuffix(at(t, permission, "SourceArn", "Fn::Sub").(string), ":${Api}/*"), id)
	}
	for id, properties := range resources(t, template, "AWS::Serverless::Function") {
		assert.NotContains(t, properties, "FunctionUrlConfig", id)
		events, _ := properties["Events"].(object)
		for name, event := range events {
			assert.Equal(t, "Schedule", at(t, event, "Type"), "%s.%s", id, name)
		}
		assert.Equal(t, id == "TokenFunction", len(events) == 1, id)
	}
}

func TestRoutesOfTheServerlessFile(t *testing.T) {
	found := map[string]route{}
	for name, function := range at(t, load(t, "serverless.aws.yml"), "functions").(object) {
		assert.NotContains(t, function, "url", name)
		for _, event := range at(t, function, "events").([]any) {
			if schedule, ok := event.(object)["schedule"]; ok {
				assert.Equal(t, "token", name)
				assert.Equal(t, "rate(5 minutes)", schedule)
				continue
			}
			door := at(t, event, "httpApi").(object)
			authorization := "NONE"
			if _, ok := door["authorizer"]; ok {
				require.Equal(t, object{"type": "aws_iam"}, door["authorizer"])
				authorization = "AWS_IAM"
			}
			found[door["method"].(string)+" "+door["path"].(string)] = route{authorization, name}
		}
	}
	assert.Equal(t, doors, found)
}

// The access log would keep a secret or a token for as long as logs are kept.
func TestAccessLogsHaveNoQuery(t *testing.T) {
	known := `$context.requestId $context.identity.sourceIp $context.routeKey $context.status $context.responseLatency $context.error.message`
	for file, format := range map[string]any{
		"template.yaml":      at(t, load(t, "template.yaml"), "Resources", "Stage", "Properties", "AccessLogSettings", "Format"),
		"serverless.aws.yml": at(t, load(t, "serverless.aws.yml"), "provider", "logs", "httpApi", "format"),
	} {
		var line map[string]string
		require.NoError(t, json.Unmarshal([]byte(format.(string)), &line), file)
		assert.Subset(t, strings.Fields(known), slices.Collect(maps.Values(line)), file)
	}
}

// genuine says yes to everything: whatever comes to it has passed the doors.
type genuine struct{}

func (genuine) Verify(context.Context, openapi.Request) (openapi.Verdict, error) {
	return openapi.Genuine(), nil
}

// oneToken holds GOOD_TOKEN.
type oneToken struct{}

func (oneToken) Owner(_ context.Context, token string) (string, error) {
	if token == "GOOD_TOKEN" {
		return "wx0123456789abcdef", nil
	}
	return "", nil
}

// verify is the function behind HTTP_AUTH=platform, with a verifier in place of
// WeChat.
func verify(verifier openapi.Verifier, gate openapi.Gate) *function.Host {
	build := func(map[string]string, *slog.Logger, *slog.LevelVar) (function.Function, error) {
		return function.Function{Calls: (&openapi.VerifySignature{Verifier: verifier}).Calls(gate, oneToken{})}, nil
	}
	return function.New("verify", build, io.Discard)
}

func invoke(t *testing.T, f *function.Host, event []byte) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	answer, err := f.Invoke(ctx, adapter.Invocation{Platform: adapter.Lambda, Authorized: true}, event)
	require.NoError(t, err)
	return answer
}

// TestTheOpenRouteOpensNothingElse sends through the route without IAM what it
// could let through, spelt in every way in which a gateway might still take the
// path for the route's, to the function that trusts its gateway.
func TestTheOpenRouteOpensNothingElse(t *testing.T) {
	f := verify(genuine{}, function.Platform)
	const open = "/cgi-bin/soter/verify_signature"
	for _, path := range []string{
		open, open + "/", "/" + open, open + "%2F", "/cgi-bin/soter/verify%5Fsignature", "/%63gi-bin/soter/verify_signature",
		"/prod" + open, "//cgi-bin//soter//verify_signature", "/x/.." + open, open + "/.", open + ";x=1", strings.ToUpper(open),
	} {
		for _, query := range []string{"", "access_token=", "access_token=BAD", "access_token=BAD&access_token=GOOD_TOKEN"} {
			answer := invoke(t, f, throughRoute(t, path, query))
			assert.NotContains(t, string(answer), `is_ok\":true`, "%s?%s", path, query)
			assert.NotContains(t, string(answer), `isOk\":true`, "%s?%s", path, query)
		}
	}
	assert.Contains(t, string(invoke(t, f, throughRoute(t, open, "access_token=GOOD_TOKEN"))), `\"is_ok\":true`)
	assert.Contains(t, string(invoke(t, f, throughRoute(t, "/openapi/soter/verifySignature", ""))), `\"isOk\":true`, "behind IAM")
}

// throughRoute is the event of the HTTPS Call with another path and query, as
// the HTTP API sends it. Its body puts the question in both spellings, so that
// only the path decides who answers.
func throughRoute(t *testing.T, path, query string) []byte {
	t.Helper()
	content, err := os.ReadFile("events/http-api-v2-https-call.json")
	require.NoError(t, err)
	var event, body object
	require.NoError(t, json.Unmarshal(content, &event))
	event["rawPath"], event["rawQueryString"] = path, query
	at(t, event, "requestContext").(object)["stage"] = "$default"
	at(t, event, "requestContext", "http").(object)["path"] = path
	require.NoError(t, json.Unmarshal([]byte(event["body"].(string)), &body))
	body["jsonString"], body["jsonSignature"] = body["json_string"], body["json_signature"]
	content, err = json.Marshal(body)
	require.NoError(t, err)
	event["body"] = string(content)
	content, err = json.Marshal(event)
	require.NoError(t, err)
	return content
}
