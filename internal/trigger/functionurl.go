package trigger

// FunctionURL is an AWS Lambda function URL (AWS Lambda Developer Guide, "Invoking
// Lambda function URLs").
const FunctionURL Door = "lambda-function-url"

var functionURL = source{
	door:    FunctionURL,
	members: []string{"version"},
	is:      isPayload2,
	request: payload2(false),
	answer:  answer2,
}
