package emulator

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/dev/rule"
)

const (
	maxRESTHeaders = 10_240 // the values of the headers
	maxRESTURL     = 10_240
	maxRESTBody    = 10 << 20
	restTimeoutMax = 29 * time.Second
	restStage      = "prod"
)

// RESTAPI stands in for an API Gateway REST API with the resource /{proxy+}, the method ANY and a Lambda proxy
// integration, without binary media types: Amazon API Gateway developer guide, page "Lambda proxy integrations in API
// Gateway". The stage is prod, and is not in the path, as with a custom domain.
//
// A function error and an answer of another form than the page's are 502, an integration that takes 29 s is 504, what is
// too large is 413: page "Gateway response types for API Gateway". With which status headers and URLs that are too long
// are refused is not documented; here 431 and 414.
func RESTAPI(rt Runtime) http.Handler {
	return front{
		runtime: rt, idHeader: "X-Amzn-Requestid",
		refuse: func(r *http.Request) (int, *rule.Rule) {
			if len("https://")+len(httpAPIDomain)+len("/"+restStage)+len(r.URL.RequestURI()) <= maxRESTURL {
				return 0, nil
			}
			return http.StatusRequestURITooLong, restURL
		},
		headSize: headerSize, maxHead: maxRESTHeaders, headRule: restHead,
		maxBody: maxRESTBody, bodyRule: restBody, eventRule: restEvent,
		rateRule: restRate, throttledRule: restBackend, throttledStatus: http.StatusInternalServerError,
		timeout: restTimeoutMax, timeoutRule: restTimeout, timeoutStatus: http.StatusGatewayTimeout,
		event: restAPIEvent, reply: parseRESTReply, replyRule: restReplyForm, brokenStatus: http.StatusBadGateway,
	}
}

// restEventJSON is the event of a Lambda proxy integration.
type restEventJSON struct {
	Resource                        string              `json:"resource"`
	Path                            string              `json:"path"`
	HTTPMethod                      string              `json:"httpMethod"`
	Headers                         map[string]string   `json:"headers"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders"`
	QueryStringParameters           map[string]string   `json:"queryStringParameters"`
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters"`
	PathParameters                  map[string]string   `json:"pathParameters"`
	StageVariables                  map[string]string   `json:"stageVariables"`
	RequestContext                  restContext         `json:"requestContext"`
	Body                            *string             `json:"body"`
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`
}

type restContext struct {
	ResourceID        string            `json:"resourceId"`
	ResourcePath      string            `json:"resourcePath"`
	HTTPMethod        string            `json:"httpMethod"`
	ExtendedRequestID string            `json:"extendedRequestId"`
	RequestTime       string            `json:"requestTime"`
	Path              string            `json:"path"`
	AccountID         string            `json:"accountId"`
	Protocol          string            `json:"protocol"`
	Stage             string            `json:"stage"`
	DomainPrefix      string            `json:"domainPrefix"`
	RequestTimeEpoch  int64             `json:"requestTimeEpoch"` // milliseconds
	RequestID         string            `json:"requestId"`
	Identity          map[string]string `json:"identity"`
	DomainName        string            `json:"domainName"`
	APIID             string            `json:"apiId"`
}

func restAPIEvent(r *http.Request, requestID string, at time.Time) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("emulator: request body: %w", err)
	}
	sourceIP, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		sourceIP = r.RemoteAddr // not from an http.Server
	}
	at = at.UTC()
	header := r.Header.Clone()
	header.Set("Host", r.Host)
	header.Set("X-Forwarded-For", sourceIP)
	header.Set("X-Forwarded-Port", "443")
	header.Set("X-Forwarded-Proto", "https")
	for name := range header {
		if hopByHop[strings.ToLower(name)] && name != "Cookie" {
			header.Del(name)
		}
	}
	event := restEventJSON{
		Resource: "/{proxy+}", Path: r.URL.Path, HTTPMethod: r.Method,
		PathParameters: map[string]string{"proxy": strings.TrimPrefix(r.URL.Path, "/")},
		RequestContext: restContext{
			ResourceID: "emures", ResourcePath: "/{proxy+}", HTTPMethod: r.Method, ExtendedRequestID: requestID,
			RequestTime: at.Format("02/Jan/2006:15:04:05 -0700"), RequestTimeEpoch: at.UnixMilli(),
			Path: "/" + restStage + r.URL.Path, AccountID: awsAccount, Protocol: r.Proto, Stage: restStage,
			DomainPrefix: httpAPIID, DomainName: httpAPIDomain, APIID: httpAPIID, RequestID: newRequestID(),
			Identity: map[string]string{"sourceIp": sourceIP, "userAgent": r.UserAgent()},
		},
	}
	event.Headers, event.MultiValueHeaders = lastAndAll(header)
	event.QueryStringParameters, event.MultiValueQueryStringParameters = lastAndAll(r.URL.Query())
	if len(body) > 0 {
		text := string(body)
		event.Body = &text
	}
	encoded, err := json.Marshal(event, json.Deterministic(true), json.FormatNilMapAsNull(true), allowInvalidUTF8)
	if err != nil {
		return nil, fmt.Errorf("emulator: event: %w", err)
	}
	return encoded, nil
}

// lastAndAll returns the last value of each name, and all of them; nil for none.
func lastAndAll[M http.Header | url.Values](values M) (last map[string]string, all map[string][]string) {
	if len(values) == 0 {
		return nil, nil
	}
	last, all = map[string]string{}, map[string][]string{}
	for name, of := range values {
		name = strings.ToValidUTF8(name, "\ufffd") // two names may become one: then it is a repeat
		last[name] = of[len(of)-1]
		all[name] = append(all[name], of...)
	}
	return last, all
}

// parseRESTReply interprets a function's answer: an object with a statusCode, and a body that is a string.
func parseRESTReply(answer []byte) (httpAPIReply, error) {
	if jsontext.Value(answer).Kind() != '{' {
		return httpAPIReply{}, errors.New("emulator: the function's answer is no object")
	}
	var fields struct {
		StatusCode        *int                `json:"statusCode"`
		Headers           map[string]scalar   `json:"headers"`
		MultiValueHeaders map[string][]scalar `json:"multiValueHeaders"`
		Body              *string             `json:"body"`
		IsBase64Encoded   bool                `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(answer, &fields, json.RejectUnknownMembers(true)); err != nil {
		return httpAPIReply{}, fmt.Errorf("emulator: the function's answer: %w", err)
	}
	if fields.StatusCode == nil || *fields.StatusCode < 200 || *fields.StatusCode > 599 {
		return httpAPIReply{}, errors.New("emulator: the function's answer has no statusCode")
	}
	reply := httpAPIReply{status: *fields.StatusCode, header: http.Header{"Content-Type": {"application/json"}}}
	for name, value := range fields.Headers {
		reply.header.Set(name, string(value))
	}
	for name, values := range fields.MultiValueHeaders {
		reply.header.Del(name)
		for _, value := range values {
			reply.header.Add(name, string(value))
		}
	}
	reply.header.Del("Content-Length") // the gateway counts for itself
	if fields.Body != nil {
		reply.body = []byte(*fields.Body)
	}
	return reply, nil
}
