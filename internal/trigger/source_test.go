package trigger

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSourceIsRecognisedByItsShape(t *testing.T) {
	const arn = `"elb":{"targetGroupArn":"arn:aws:x"}`
	const get = `"httpMethod":"GET","path":"/"`
	const http = `"http":{"method":"GET","path":"/"}`
	tests := []struct {
		name, payload string
		want          *Source
	}{
		{"load balancer", `{"requestContext":{` + arn + `},` + get + `}`, ALB},
		{"load balancer before all others", `{"requestContext":{` + arn + `,` + http + `,"serviceId":"s","stage":"x","identity":{}},"version":"2.0","rawPath":"/","resource":"/",` + get + `,"headers":{}}`, ALB},
		{"elb of the wrong kind is no load balancer", `{"requestContext":{"elb":{"targetGroupArn":1}},` + get + `,"headers":{}}`, CloudBaseHTTP},

		{"function URL without routeKey", `{"version":"2.0","rawPath":"/","requestContext":{` + http + `}}`, FunctionURL},
		{"function URL with routeKey", `{"version":"2.0","rawPath":"/","routeKey":"$default","requestContext":{` + http + `,"domainName":"a.lambda-url.eu-west-1.on.aws"}}`, FunctionURL},
		{"HTTP API under a custom domain", `{"version":"2.0","rawPath":"/","routeKey":"$default","requestContext":{` + http + `,"domainName":"api.example.com"}}`, HTTPAPIv2},
		{"version alone decides nothing", `{"version":"2.0","jsonString":"x"}`, Direct},
		{"version 2.0 and a path, no http context", `{"version":"2.0","rawPath":"/","requestContext":{}}`, Unknown},
		{"version 2.0 as a number", `{"version":2.0,"rawPath":"/","requestContext":{` + http + `}}`, Unknown},

		{"REST", `{` + get + `,"resource":"/","requestContext":{"stage":"x","identity":{}}}`, RESTv1},
		{"HTTP API 1.0", `{"version":"1.0",` + get + `,"resource":"/","requestContext":{"stage":"x","identity":{}}}`, HTTPAPIv1},
		{"REST without a stage", `{` + get + `,"headers":{},"resource":"/","requestContext":{"identity":{}}}`, CloudBaseHTTP},
		{"version 1.0 without the rest of it", `{"version":"1.0",` + get + `}`, Unknown},

		{"SCF gateway", `{` + get + `,"requestContext":{"serviceId":"service-x","stage":"release","identity":{}}}`, SCFAPIGateway},
		{"CloudBase", `{` + get + `,"headers":{},"requestContext":{}}`, CloudBaseHTTP},
		{"CloudBase without headers", `{` + get + `,"requestContext":{}}`, Unknown},
		{"SCF function URL", `{` + get + `,"headers":{}}`, SCFURL},
		{"SCF function URL, context null", `{` + get + `,"headers":{},"requestContext":null}`, SCFURL},
		{"no headers, no source", `{` + get + `}`, Unknown},

		{"timer", `{"Type":"Timer","TriggerName":"t","Time":"2019-08-17T05:26:00Z","Message":""}`, SCFTimer},
		{"timer without a name", `{"Type":"Timer","Time":"2019-08-17T05:26:00Z"}`, Direct},
		{"timer in the wrong case", `{"type":"Timer","triggerName":"t","time":"2019-08-17T05:26:00Z"}`, Direct},
		{"schedule", `{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`, AWSSchedule},
		{"schedule, EventBridge Scheduler", `{"version":"0","source":"aws.scheduler","detail-type":"Scheduled Event","detail":"{}"}`, AWSSchedule},
		{"another service's event", `{"version":"0","source":"aws.ecr","detail-type":"Scheduled Event","detail":{}}`, Unknown},
		{"another event of EventBridge", `{"version":"0","source":"aws.events","detail-type":"Other","detail":{}}`, Unknown},

		{"an authorizer asks, format 1.0", `{"type":"REQUEST","methodArn":"arn:x",` + get + `,"resource":"/","headers":{},"requestContext":{"stage":"x","identity":{}}}`, Unknown},
		{"an authorizer asks, format 2.0", `{"version":"2.0","routeArn":"arn:x","rawPath":"/","routeKey":"x","requestContext":{` + http + `}}`, Unknown},
		{"a WebSocket message", `{` + get + `,"resource":"/","headers":{},"requestContext":{"connectionId":"c","stage":"x","identity":{}}}`, Unknown},

		{"direct", `{"openid":"o","jsonString":"s","jsonSignature":"g"}`, Direct},
		{"direct with userInfo", `{"jsonString":"s","userInfo":{"openId":"o","appId":"a"}}`, Direct},
		{"direct with a path of its own", `{"jsonString":"s","path":"/"}`, Unknown},
		{"direct with a method of its own", `{"jsonString":"s",` + get + `}`, Unknown},
		{"direct with headers of its own", `{"jsonString":"s","path":"/","headers":{},"requestContext":{}}`, Unknown},
		{"a whole HTTP shape around it", `{"jsonString":"s",` + get + `,"headers":{}}`, SCFURL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, Read([]byte(tt.payload)).Source)
		})
	}
}

// Senders that are not served, by what their documents and plugins say they send.
func TestRequestsInNoKnownShapeAreUnknown(t *testing.T) {
	for name, payload := range map[string]string{
		"VPC Lattice, version 1":       `{"raw_path":"/x","method":"POST","headers":{},"query_string_parameters":{},"body":"{}","is_base64_encoded":false}`,
		"VPC Lattice, version 2":       `{"version":"2.0","path":"/x","method":"POST","headers":{},"requestContext":{"serviceNetworkArn":"arn:x"},"body":"{}"}`,
		"WebSocket":                    `{"requestContext":{"connectionId":"c","routeKey":"$default"},"body":"{}","isBase64Encoded":false}`,
		"AppSync":                      `{"arguments":{},"identity":null,"source":null,"request":{"headers":{}},"info":{"fieldName":"f"}}`,
		"Kong":                         `{"request_method":"POST","request_uri":"/x","request_headers":{},"request_body":"{}"}`,
		"SCF function URL, no headers": `{"httpMethod":"POST","path":"/x","body":"{}"}`,
		"authorizer for a token":       `{"type":"TOKEN","authorizationToken":"t","methodArn":"arn:x"}`,
		"SQS":                          `{"Records":[{"eventSource":"aws:sqs","body":"{}"}]}`,
		"a null in a request's place":  `{"headers":null}`,
	} {
		event := Read([]byte(payload))
		assert.Equal(t, Unknown, event.Source, name)
		assert.Error(t, event.Err, name)
		assert.Equal(t, "x", string(event.Respond(400, nil, []byte("x"))), name)
	}
}

// Each mark is one by itself.
func TestEachMarkOfARequestIsEnough(t *testing.T) {
	for _, name := range []string{
		"requestContext", "httpMethod", "method", "path", "rawPath", "raw_path", "routeKey", "headers", "multiValueHeaders", "cookies",
		"rawQueryString", "queryString", "queryStringParameters", "query_string_parameters", "multiValueQueryStringParameters",
		"body", "isBase64Encoded", "is_base64_encoded", "request_method", "request_uri", "request_uri_args", "request_headers",
		"request_body", "request_body_args", "request", "Records", "detail-type", "methodArn", "routeArn", "authorizationToken",
	} {
		event := Read([]byte(`{"jsonString":"s","` + name + `":"x"}`))
		assert.Equal(t, Unknown, event.Source, name)
		assert.ErrorContains(t, event.Err, "member "+name+",")
		assert.Equal(t, Event{Source: Direct}, Read([]byte(`{"jsonString":"s","`+name+`s_":"x"}`)), "the twin")
	}
}

func TestWhatIsNotOneClearObjectIsDirect(t *testing.T) {
	const good = `{"httpMethod":"GET","path":"/","headers":{"a":"b"}}`
	assert.Equal(t, SCFURL, Read([]byte(good)).Source, "the twin that is fine")

	for name, payload := range map[string]string{
		"empty":                    "",
		"null":                     "null",
		"array":                    "[" + good + "]",
		"string":                   `"x"`,
		"number":                   "1",
		"cut off":                  good[:len(good)-1],
		"followed by more":         good + good,
		"byte order mark":          "\uFEFF" + good,
		"name twice":               strings.Replace(good, "{", `{"path":"/x",`, 1),
		"name twice, inside":       strings.Replace(good, `"a":"b"`, `"a":"b","a":"c"`, 1),
		"name twice, unread place": strings.Replace(good, "{", `{"other":{"x":1,"\u0078":2},`, 1),
		"invalid UTF-8":            strings.Replace(good, "b", "\xff", 1),
		"lone surrogate":           strings.Replace(good, "b", `\ud800`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, Event{Source: Direct}, Read([]byte(payload)))
		})
	}
}

func TestPayloadAboveTheCapIsLeftUnread(t *testing.T) {
	event := []byte(`{"httpMethod":"GET","path":"/","headers":{}}`)
	full := append(event, bytes.Repeat([]byte(" "), MaxPayload-len(event))...)
	assert.Equal(t, SCFURL, Read(full).Source)
	assert.Equal(t, Event{Source: Unknown, Err: errTooLarge}, Read(append(full, ' ')))
	direct := append([]byte("{}"), bytes.Repeat([]byte(" "), MaxPayload-2)...)
	assert.Equal(t, Direct, Read(direct).Source)
	assert.Equal(t, Unknown, Read(append(direct, ' ')).Source, "not a direct event either")
}
