package emulator

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

const (
	httpAPIID     = "emulator00"
	httpAPIDomain = httpAPIID + ".execute-api." + awsRegion + ".amazonaws.com"
)

// httpAPIEvent is the request in payload format 2.0, as a route without authorizer sends
// it. Source: Amazon API Gateway developer guide, page "Create AWS Lambda proxy
// integrations for HTTP APIs".
type httpAPIEvent struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        httpAPIContext    `json:"requestContext"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type httpAPIContext struct {
	AccountID    string             `json:"accountId"`
	APIID        string             `json:"apiId"`
	DomainName   string             `json:"domainName"`
	DomainPrefix string             `json:"domainPrefix"`
	HTTP         httpAPIContextHTTP `json:"http"`
	RequestID    string             `json:"requestId"`
	RouteKey     string             `json:"routeKey"`
	Stage        string             `json:"stage"`
	Time         string             `json:"time"`
	TimeEpoch    int64              `json:"timeEpoch"` // milliseconds
}

type httpAPIContextHTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// HTTPAPIEvent returns an API Gateway HTTP API's event for a request that arrived at the
// given time. It has payload format 2.0, for the route $default of the stage $default. It
// reads the body; its only errors are those of reading.
//
// Header names are in lower case. Repeated headers and query parameters are joined by
// commas. Cookies are moved out of the headers. The body is text when its type is text/*,
// JSON, JavaScript or XML. It is base64 otherwise, or when it is compressed or no valid
// UTF-8. The domain is that of the API, whatever host the client named.
func HTTPAPIEvent(r *http.Request, requestID string, at time.Time) ([]byte, error) {
	return payload2Event(r, requestID, at, httpAPIID, httpAPIDomain)
}

// payload2Event returns the event in payload format 2.0 of the API, or of the function URL,
// with that ID and domain.
func payload2Event(r *http.Request, requestID string, at time.Time, id, domain string) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("emulator: request body: %w", err)
	}
	sourceIP, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		sourceIP = r.RemoteAddr // not from an http.Server
	}
	at = at.UTC()
	event := httpAPIEvent{
		Version:               "2.0",
		RouteKey:              "$default",
		RawPath:               r.URL.EscapedPath(),
		RawQueryString:        r.URL.RawQuery,
		Cookies:               eventCookies(r),
		Headers:               eventHeaders(r, sourceIP, len(body), at),
		QueryStringParameters: eventQuery(r),
		RequestContext: httpAPIContext{
			AccountID:    awsAccount,
			APIID:        id,
			DomainName:   domain,
			DomainPrefix: id,
			HTTP: httpAPIContextHTTP{
				Method:    r.Method,
				Path:      r.URL.EscapedPath(),
				Protocol:  r.Proto,
				SourceIP:  sourceIP,
				UserAgent: r.UserAgent(),
			},
			RequestID: requestID,
			RouteKey:  "$default",
			Stage:     "$default",
			Time:      at.Format("02/Jan/2006:15:04:05 -0700"),
			TimeEpoch: at.UnixMilli(),
		},
		Body: string(body),
	}
	if len(body) > 0 && !isTextBody(r.Header, body) {
		event.Body = base64.StdEncoding.EncodeToString(body)
		event.IsBase64Encoded = true
	}
	// headers may be Latin-1
	encoded, err := json.Marshal(event, json.Deterministic(true), allowInvalidUTF8)
	if err != nil {
		return nil, fmt.Errorf("emulator: event: %w", err)
	}
	return encoded, nil
}

// hopByHop are headers between the client and the gateway, which end there. Cookies have
// their own field.
var hopByHop = map[string]bool{
	"connection": true, "cookie": true, "keep-alive": true, "proxy-authorization": true, "proxy-connection": true,
	"te": true, "trailer": true, "transfer-encoding": true, "upgrade": true,
}

func eventHeaders(r *http.Request, sourceIP string, bodySize int, at time.Time) map[string]string {
	headers := make(map[string]string, len(r.Header)+5)
	for name, values := range r.Header {
		if name = strings.ToLower(name); !hopByHop[name] {
			headers[name] = strings.Join(values, ",")
		}
	}
	headers["host"] = r.Host
	headers["content-length"] = strconv.Itoa(bodySize)
	headers["x-forwarded-proto"] = "https"
	headers["x-forwarded-port"] = "443"
	if before := headers["x-forwarded-for"]; before != "" {
		sourceIP = before + ", " + sourceIP
	}
	headers["x-forwarded-for"] = sourceIP
	if headers["x-amzn-trace-id"] == "" {
		headers["x-amzn-trace-id"] = newTraceID(at)
	}
	return headers
}

func eventCookies(r *http.Request) []string {
	var cookies []string
	for _, line := range r.Header.Values("Cookie") {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				cookies = append(cookies, cookie)
			}
		}
	}
	return cookies
}

func eventQuery(r *http.Request) map[string]string {
	query := r.URL.Query()
	parameters := make(map[string]string, len(query))
	// JSON cannot hold bytes that are not UTF-8, so two names may become one: then it is a
	// repeat.
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values := strings.Join(query[name], ",")
		name = strings.ToValidUTF8(name, "\ufffd")
		if before, ok := parameters[name]; ok {
			values = before + "," + values
		}
		parameters[name] = values
	}
	return parameters
}

func isTextBody(header http.Header, body []byte) bool {
	if header.Get("Content-Encoding") != "" || !utf8.Valid(body) {
		return false
	}
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return false
	}
	switch mediaType {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(mediaType, "text/")
}

// newHTTPAPIRequestID returns an ID in the form that HTTP APIs use, such as
// LV7fzho-PHcEJPw=.
func newHTTPAPIRequestID() string {
	var b [11]byte
	rand.Read(b[:])
	return base64.URLEncoding.EncodeToString(b[:])
}
