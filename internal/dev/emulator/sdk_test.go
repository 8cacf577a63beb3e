package emulator

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
)

const sdkFolder = "testdata/sdk"

type sdkCall struct {
	Action string         `json:"action"`
	Input  map[string]any `json:"input"`
}

type sdkOutcome struct {
	Answer struct {
		// Of Lambda.
		StatusCode      int
		ExecutedVersion string
		FunctionError   string
		Payload         []byte
		LogResult       []byte
		Configuration   struct {
			FunctionName, FunctionArn, Version, State string
			MemorySize                                int
		}
		// Of SCF.
		Result struct {
			Log, RetMsg, ErrMsg, FunctionRequestId string
			MemUsage, BillDuration                 int64
			Duration                               float64
			InvokeResult                           int
		}
		RequestId string
	} `json:"answer"`
	Error struct {
		Name    string `json:"name"`
		Message string `json:"message"`
		Status  int    `json:"status"`
	} `json:"error"`
}

// sdk makes calls at a server with a cloud's own SDK for Node: @aws-sdk/client-lambda or tencentcloud-sdk-nodejs-scf, in
// the versions that testdata/sdk/package-lock.json names.
func sdk(t *testing.T, name string, key TC3Key, api http.Handler, calls ...sdkCall) []sdkOutcome {
	t.Helper()
	need.NodeModules(t, sdkFolder)
	server := httptest.NewServer(api)
	defer server.Close()
	stdin, err := json.Marshal(map[string]any{"sdk": name, "endpoint": server.URL, "id": key.SecretID, "key": key.SecretKey, "calls": calls})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "run.js")
	node.Dir = sdkFolder
	node.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	node.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	node.Stdout, node.Stderr = &stdout, &stderr
	require.NoError(t, node.Run(), stderr.String())
	var outcomes []sdkOutcome
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &outcomes), stdout.String())
	require.Len(t, outcomes, len(calls))
	return outcomes
}

func payload(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

var anyKey = TC3Key{SecretID: "AKIDanybody", SecretKey: "any"}

// The shapes are those of the AWS Lambda API reference, pages "Invoke" and "GetFunction"; the SDK parses them.
func TestTheSDKOfAWSInvokes(t *testing.T) {
	t.Parallel()
	api := InvokeAPI(map[string]Runtime{"verify": startLambda(t, Function{Name: "verify", MemoryMB: 256})})
	got := sdk(t, "lambda", anyKey, api,
		sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "Payload": payload(`{"n":1}`), "LogType": "Tail"}},
		sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "Payload": payload(`{"Do":"error","Text":"no such user"}`)}},
		sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "InvocationType": "DryRun"}},
		sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "Qualifier": "$LATEST", "Payload": payload(`{"n":2}`)}},
		sdkCall{"GetFunction", map[string]any{"FunctionName": "verify"}},
	)
	for _, outcome := range got {
		require.Zero(t, outcome.Error)
	}
	first := got[0].Answer
	assert.Equal(t, 200, first.StatusCode)
	assert.Equal(t, "$LATEST", first.ExecutedVersion)
	assert.Equal(t, `{"n":1}`, string(first.Payload))
	assert.Regexp(t, `^START RequestId: \S+ Version: \$LATEST\n(?s:.*)END RequestId: \S+\nREPORT RequestId: \S+\tDuration: `, string(first.LogResult))
	assert.Equal(t, "Unhandled", got[1].Answer.FunctionError)
	assert.Empty(t, got[1].Answer.LogResult, "the log comes only when asked for")
	assert.Equal(t, 204, got[2].Answer.StatusCode)
	assert.Equal(t, `{"n":2}`, string(got[3].Answer.Payload))
	configuration := got[4].Answer.Configuration
	assert.Equal(t, "arn:aws:lambda:us-east-1:123456789012:function:verify", configuration.FunctionArn)
	assert.Equal(t, "Active", configuration.State)
	assert.Equal(t, 256, configuration.MemorySize)
}

// The errors are those of the AWS Lambda API reference, pages "Invoke", "GetFunction" and "Common Errors": the SDK finds
// their names in X-Amzn-ErrorType and the words in the body.
func TestTheSDKOfAWSReadsErrors(t *testing.T) {
	api := InvokeAPI(map[string]Runtime{"verify": runtimeFunc(func(context.Context, Call) (Response, error) { return Response{Payload: []byte("1")}, nil })})
	const arn = "arn:aws:lambda:us-east-1:123456789012:function:"
	cases := []struct {
		call    sdkCall
		name    string
		message string
		status  int
	}{
		{sdkCall{"Invoke", map[string]any{"FunctionName": "other"}}, "ResourceNotFoundException", "Function not found: " + arn + "other", 404},
		{sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "Qualifier": "live"}}, "ResourceNotFoundException", "Function not found: " + arn + "verify:live", 404},
		{sdkCall{"Invoke", map[string]any{"FunctionName": "verify:17"}}, "ResourceNotFoundException", "Function not found: " + arn + "verify:17", 404},
		{sdkCall{"GetFunction", map[string]any{"FunctionName": "other"}}, "ResourceNotFoundException", "Function not found: " + arn + "other", 404},
		{sdkCall{"GetFunction", map[string]any{"FunctionName": "verify", "Qualifier": "live"}}, "ResourceNotFoundException", "Function not found: " + arn + "verify:live", 404},
		{sdkCall{"InvokeWithResponseStream", map[string]any{"FunctionName": "verify"}}, "InvalidRequestContentException", "The emulator does not stream answers: use Invoke", 400},
		{sdkCall{"ListAliases", map[string]any{"FunctionName": "verify"}}, "UnknownOperationException", "The emulator has no such operation of Lambda: GET /2015-03-31/functions/verify/aliases", 404},
		{sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "Payload": payload("{")}}, "InvalidRequestContentException", "Could not parse request body into json", 400},
	}
	calls := make([]sdkCall, len(cases))
	for i, c := range cases {
		calls[i] = c.call
	}
	for i, got := range sdk(t, "lambda", anyKey, api, calls...) {
		assert.Equal(t, cases[i].name, got.Error.Name, cases[i].call)
		assert.Equal(t, cases[i].message, got.Error.Message, cases[i].call)
		assert.Equal(t, cases[i].status, got.Error.Status, cases[i].call)
	}
}

// The parameters and the answer are those of Tencent Cloud's API documentation, SCF, pages "Invoke" (583/17243) and
// "InvokeFunction" (583/58400); the signature is the SDK's own.
func TestTheSDKOfTencentCloudInvokes(t *testing.T) {
	t.Parallel()
	key := TC3Key{SecretID: "AKIDemulator", SecretKey: "not-a-secret"}
	api := SCFAPI(map[string]Runtime{"verify": startSCF(t, Function{Name: "verify", MemoryMB: 256})}, key)
	got := sdk(t, "scf", key, api,
		sdkCall{"InvokeFunction", map[string]any{"FunctionName": "verify", "Event": `{"Do":"log","Text":"seen 见\n"}`, "LogType": "Tail"}},
		sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "ClientContext": `{"n":1}`, "Qualifier": "$LATEST", "Namespace": "default"}},
		sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "ClientContext": `{"Do":"error","Text":"no such user"}`}},
		sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "InvocationType": "Event", "ClientContext": `{}`}},
		sdkCall{"InvokeFunction", map[string]any{"FunctionName": "verify", "Qualifier": "$DEFAULT"}},
	)
	for _, outcome := range got {
		require.Zero(t, outcome.Error)
		assert.Equal(t, outcome.Answer.RequestId, outcome.Answer.Result.FunctionRequestId)
	}
	first := got[0].Answer.Result
	assert.JSONEq(t, `{"Do":"log","Text":"seen 见\n"}`, first.RetMsg)
	assert.Equal(t, "seen 见\n", first.Log)
	assert.Positive(t, first.Duration)
	assert.GreaterOrEqual(t, float64(first.BillDuration), first.Duration)
	assert.EqualValues(t, 256<<20, first.MemUsage)
	assert.Equal(t, `{"n":1}`, got[1].Answer.Result.RetMsg)
	assert.Empty(t, got[1].Answer.Result.Log, "the log comes only when asked for")
	failed := got[2].Answer.Result
	assert.Contains(t, failed.ErrMsg, `"errorMessage":"no such user"`)
	assert.Equal(t, -1, failed.InvokeResult)
	assert.Empty(t, failed.RetMsg)
	assert.Empty(t, got[3].Answer.Result.RetMsg, "nobody waits for an Event")
	assert.Equal(t, "{}", got[4].Answer.Result.RetMsg)
}

// The codes are those of Tencent Cloud's API documentation: common error codes, and those of SCF's page "Invoke".
func TestTheSDKOfTencentCloudReadsErrors(t *testing.T) {
	key := TC3Key{SecretID: "AKIDemulator", SecretKey: "not-a-secret"}
	called := false
	functions := map[string]Runtime{"verify": runtimeFunc(func(context.Context, Call) (Response, error) {
		called = true
		return Response{Payload: []byte("1")}, nil
	})}
	verify := sdkCall{"InvokeFunction", map[string]any{"FunctionName": "verify"}}
	cases := []struct {
		call sdkCall
		code string
	}{
		{sdkCall{"InvokeFunction", map[string]any{"FunctionName": "other"}}, "ResourceNotFound.Function"},
		{sdkCall{"InvokeFunction", map[string]any{"FunctionName": "verify", "Qualifier": "17"}}, "ResourceNotFound.Qualifier"},
		{sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "Namespace": "other"}}, "ResourceNotFound.Namespace"},
		{sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "ClientContext": "{"}}, "InvalidParameterValue"},
		{sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "InvocationType": "Later"}}, "InvalidParameterValue"},
		{sdkCall{"Invoke", map[string]any{}}, "MissingParameter"},
		{sdkCall{"ListFunctions", map[string]any{}}, "InvalidAction"},
		{sdkCall{"Invoke", map[string]any{"FunctionName": "verify", "Function": 1}}, "InvalidParameter"},
	}
	calls := make([]sdkCall, len(cases))
	for i, c := range cases {
		calls[i] = c.call
	}
	for i, got := range sdk(t, "scf", key, SCFAPI(functions, key), calls...) {
		assert.Equal(t, cases[i].code, got.Error.Name, "%v", cases[i].call)
		assert.NotEmpty(t, got.Error.Message)
	}
	for code, wrong := range map[string]TC3Key{
		"AuthFailure.SignatureFailure": {"AKIDemulator", "another"},
		"AuthFailure.SecretIdNotFound": {"AKIDother", "not-a-secret"},
	} {
		assert.Equal(t, code, sdk(t, "scf", wrong, SCFAPI(functions, key), verify)[0].Error.Name)
	}
	require.False(t, called, "what is refused is not run")
	require.Zero(t, sdk(t, "scf", key, SCFAPI(functions, key), verify)[0].Error, "the twin")
	require.Zero(t, sdk(t, "scf", anyKey, SCFAPI(functions, TC3Key{}), verify)[0].Error, "without a key all are taken")
	require.True(t, called)
}
