package trigger

import (
	"bytes"
	stdjson "encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	scf "github.com/tencentyun/scf-go-lib/events"
)

var answerHeader = http.Header{"Content-Type": {"application/json"}, "x-multi": {"1", "2"}, "Set-Cookie": {"a=b", "c=d"}}

const answerBody = `{"isOk":true,"note":"<&>"}`

func TestFunctionURLAndHTTPAPI2AnswerCarriesCookiesApart(t *testing.T) {
	var url events.LambdaFunctionURLResponse
	strictly(t, answer(t, "lambda-function-url.json"), &url)
	assert.Equal(t, events.LambdaFunctionURLResponse{
		StatusCode: 200, Body: answerBody, Cookies: []string{"a=b", "c=d"},
		Headers: map[string]string{"Content-Type": "application/json", "X-Multi": "1, 2"},
	}, url)

	var api events.APIGatewayV2HTTPResponse
	strictly(t, answer(t, "http-api-v2.json"), &api)
	assert.Equal(t, events.APIGatewayV2HTTPResponse{
		StatusCode: 200, Body: answerBody, Cookies: []string{"a=b", "c=d"},
		Headers: map[string]string{"Content-Type": "application/json", "X-Multi": "1, 2"},
	}, api)
}

func TestPayload1AnswerKeepsSeveralValuesApart(t *testing.T) {
	for _, file := range []string{"rest-v1.json", "http-api-v1.json"} {
		var got events.APIGatewayProxyResponse
		strictly(t, answer(t, file), &got)
		assert.Equal(t, events.APIGatewayProxyResponse{
			StatusCode: 200, Body: answerBody,
			Headers:           map[string]string{"Content-Type": "application/json"},
			MultiValueHeaders: map[string][]string{"X-Multi": {"1", "2"}, "Set-Cookie": {"a=b", "c=d"}},
		}, got, file)
	}
}

func TestLoadBalancerIsAnsweredInTheFormItAsked(t *testing.T) {
	var single, multi events.ALBTargetGroupResponse
	strictly(t, answer(t, "alb.json"), &single)
	assert.Equal(t, events.ALBTargetGroupResponse{
		StatusCode: 200, StatusDescription: "200 OK", Body: answerBody,
		Headers: map[string]string{"Content-Type": "application/json", "X-Multi": "1, 2", "Set-Cookie": "a=b, c=d"},
	}, single)

	strictly(t, answer(t, "alb-multi-value.json"), &multi)
	assert.Equal(t, events.ALBTargetGroupResponse{
		StatusCode: 200, StatusDescription: "200 OK", Body: answerBody,
		MultiValueHeaders: map[string][]string{"Content-Type": {"application/json"}, "X-Multi": {"1", "2"}, "Set-Cookie": {"a=b", "c=d"}},
	}, multi)
}

func TestBrokenMultiValueRequestIsAnsweredInThatFormToo(t *testing.T) {
	event := Read(edited(t, "alb-multi-value.json", "body", 1))
	require.Error(t, event.Err)
	var got events.ALBTargetGroupResponse
	strictly(t, event.Respond(400, http.Header{"A": {"b"}}, nil), &got)
	assert.Equal(t, map[string][]string{"A": {"b"}}, got.MultiValueHeaders)
}

func TestTencentAnswerIsExactlyFourMembers(t *testing.T) {
	for _, file := range []string{"scf-apigateway.json", "scf-function-url.json", "cloudbase-http.json"} {
		var got scf.APIGatewayResponse
		strictly(t, answer(t, file), &got)
		assert.Equal(t, scf.APIGatewayResponse{
			StatusCode: 200, Body: answerBody,
			Headers: map[string]string{"Content-Type": "application/json", "X-Multi": "1, 2", "Set-Cookie": "a=b, c=d"},
		}, got, file)

		bare := decode[map[string]any](t, Read(recorded(t, file)).Respond(204, nil, nil))
		assert.Equal(t, []string{"body", "headers", "isBase64Encoded", "statusCode"}, slices.Sorted(maps.Keys(bare)), "the gateway refuses anything else")
	}
}

func TestOtherSourcesAnswerWithTheBodyItself(t *testing.T) {
	for _, file := range []string{"direct.json", "miniprogram.json", "scf-timer.json", "aws-schedule.json"} {
		assert.Equal(t, answerBody, string(answer(t, file)), file)
	}
}

func TestBodyThatIsNotTextTravelsAsBase64(t *testing.T) {
	event := Read(recorded(t, "http-api-v2.json"))
	assert.Contains(t, string(event.Respond(200, nil, []byte("\xff"))), `"body":"/w==","isBase64Encoded":true`)
	assert.Contains(t, string(event.Respond(200, nil, []byte("ÿ"))), `"body":"ÿ","isBase64Encoded":false`)
}

func TestStatusDescriptionOfAnUnknownStatusIsTheNumber(t *testing.T) {
	event := Read(recorded(t, "alb.json"))
	assert.Contains(t, string(event.Respond(299, nil, nil)), `"statusDescription":"299"`)
	assert.Contains(t, string(event.Respond(404, nil, nil)), `"statusDescription":"404 Not Found"`)
}

func TestRespondLeavesTheCallersHeaderAlone(t *testing.T) {
	for _, file := range []string{"http-api-v2.json", "rest-v1.json", "alb.json"} {
		header := answerHeader.Clone()
		Read(recorded(t, file)).Respond(200, header, nil)
		assert.Equal(t, answerHeader, header, file)
	}
}

func answer(t *testing.T, file string) []byte {
	t.Helper()
	return Read(recorded(t, file)).Respond(200, answerHeader, []byte(answerBody))
}

// strictly decodes as the vendors' own libraries do, and refuses members that
// their types do not have.
func strictly(t *testing.T, b []byte, v any) {
	t.Helper()
	d := stdjson.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(v), "%s", b)
}
