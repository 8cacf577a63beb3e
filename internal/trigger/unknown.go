package trigger

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

var errTooLarge = errors.New("the event is larger than 6 MiB")

// foreign are members by which senders that we do not serve name a part of their
// request or message: VPC Lattice (method, raw_path, is_base64_encoded), Kong's
// aws-lambda plugin (request_method and the like), AppSync and Cognito (request),
// SNS, SQS, S3 and others (Records).
type foreign struct {
	Method             jsontext.Value `json:"method"`
	SnakeRawPath       jsontext.Value `json:"raw_path"`
	SnakeQuery         jsontext.Value `json:"query_string_parameters"`
	SnakeIsBase64      jsontext.Value `json:"is_base64_encoded"`
	KongMethod         jsontext.Value `json:"request_method"`
	KongURI            jsontext.Value `json:"request_uri"`
	KongURIArguments   jsontext.Value `json:"request_uri_args"`
	KongHeaders        jsontext.Value `json:"request_headers"`
	KongBody           jsontext.Value `json:"request_body"`
	KongBodyArguments  jsontext.Value `json:"request_body_args"`
	Request            jsontext.Value `json:"request"`
	Records            jsontext.Value `json:"Records"`
	AuthorizationToken jsontext.Value `json:"authorizationToken"`
}

// marked is the event that no door knows: [Unknown] if any of its members
// belongs to requests, [Direct] otherwise.
func (s *shape) marked() Event {
	for _, member := range []struct {
		name  string
		value jsontext.Value
	}{
		{"requestContext", s.RequestContext}, {"httpMethod", s.HTTPMethod}, {"method", s.Method},
		{"path", s.Path}, {"rawPath", s.RawPath}, {"raw_path", s.SnakeRawPath}, {"routeKey", s.RouteKey},
		{"headers", s.Headers}, {"multiValueHeaders", s.MultiValueHeaders}, {"cookies", s.Cookies},
		{"rawQueryString", s.RawQueryString}, {"queryString", s.QueryString},
		{"queryStringParameters", s.QueryStringParameters}, {"query_string_parameters", s.SnakeQuery},
		{"multiValueQueryStringParameters", s.MultiValueQueryStringParameters},
		{"body", s.Body}, {"isBase64Encoded", s.IsBase64Encoded}, {"is_base64_encoded", s.SnakeIsBase64},
		{"request_method", s.KongMethod}, {"request_uri", s.KongURI}, {"request_uri_args", s.KongURIArguments},
		{"request_headers", s.KongHeaders}, {"request_body", s.KongBody}, {"request_body_args", s.KongBodyArguments},
		{"request", s.Request}, {"Records", s.Records}, {"detail-type", s.DetailType},
		{"methodArn", s.MethodARN}, {"routeArn", s.RouteARN}, {"authorizationToken", s.AuthorizationToken},
	} {
		if member.value != nil {
			return Event{Door: Unknown, Err: fmt.Errorf("the event has a member %s, as requests and messages have, and is none that is known here", member.name)}
		}
	}
	return Event{Door: Direct}
}
