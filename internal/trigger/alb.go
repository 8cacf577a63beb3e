package trigger

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ALB is an AWS Application Load Balancer (Elastic Load Balancing guide, "Use
// Lambda functions as targets").
const ALB Door = "alb"

var alb = source{
	door: ALB,
	is:   func(e event) bool { return e.context.object("elb").text("targetGroupArn") != "" },
	request: &layout{
		path: "path",
		query: func(e event) (string, error) {
			values, err := e.parameters()
			if err != nil {
				return "", err
			}
			return decodeOnce(values)
		},
		method: func(e event) string { return e.text("httpMethod") },
		client: func(event, http.Header) string { return "" }, // only X-Forwarded-For names it
	},
	answer: func(a *response, header http.Header, multiValue bool) {
		a.StatusDescription = strings.TrimSpace(fmt.Sprint(a.StatusCode, " ", http.StatusText(a.StatusCode)))
		if multiValue { // the load balancer then ignores headers
			a.MultiValueHeaders = header
		} else {
			a.Headers = joined(header)
		}
	},
}

// decodeOnce undoes the encoding that a load balancer, unlike API Gateway,
// leaves in names and values, before both are encoded into one query again.
func decodeOnce(encoded map[string][]string) (string, error) {
	decoded := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(encoded)) {
		key, err := url.QueryUnescape(name)
		if err != nil {
			return "", errors.New("the name of a query parameter is not URL-encoded")
		}
		for _, value := range encoded[name] {
			v, err := url.QueryUnescape(value)
			if err != nil {
				return "", fmt.Errorf("query parameter %.64q is not URL-encoded", key)
			}
			decoded.Add(key, v)
		}
	}
	return decoded.Encode(), nil
}
