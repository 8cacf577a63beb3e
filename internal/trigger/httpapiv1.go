package trigger

// HTTPAPIv1 is an Amazon API Gateway HTTP API with payload format 1.0.
const HTTPAPIv1 Door = "http-api-v1"

var httpAPIv1 = source{
	door:    HTTPAPIv1,
	members: []string{"version", "resource"},
	is:      func(e event) bool { return isPayload1(e) && e.text("version") == "1.0" },
	request: payload1(true),
	answer:  answer1,
}
