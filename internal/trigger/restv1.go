package trigger

// RESTv1 is an Amazon API Gateway REST API.
const RESTv1 Door = "rest-v1"

var restV1 = source{
	door:    RESTv1,
	members: []string{"resource"},
	is:      isPayload1,
	request: payload1(false),
	answer:  answer1,
}
