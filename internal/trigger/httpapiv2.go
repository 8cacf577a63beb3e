package trigger

import "strings"

// HTTPAPIv2 is an Amazon API Gateway HTTP API with payload format 2.0.
const HTTPAPIv2 Door = "http-api-v2"

var httpAPIv2 = source{
	door:    HTTPAPIv2,
	members: []string{"version"},
	// The guide's example of a function URL event has a routeKey and aws-lambda-go's
	// recorded one has none, so that the domain name decides.
	is: func(e event) bool {
		return isPayload2(e) && e.present("routeKey") && !strings.Contains(e.context.text("domainName"), ".lambda-url.")
	},
	request: payload2(true),
	answer:  answer2,
}
