package interop

import "testing"

// versions are the SDKs by their names in package.json.
var versions = []string{"wx-server-sdk-2.3.3", "wx-server-sdk-2.7.2", "wx-server-sdk-3.0.4", newest}

// newest is wx-server-sdk 4.0.2, whose words are our own function's model.
const newest = "wx-server-sdk-4.0.2"

// The examples, see sdk.js.
const (
	seedExample  = "example.js"
	todayExample = "example-today.js"
	callOpenAPI  = "callopenapi.js"
	callWxAPI    = "callwxopenapi.js"
)

// question is what the example is asked. A parameter that is nil is undefined.
type question struct {
	OpenID        *string `json:"openid,omitzero"`
	JSONString    *string `json:"jsonString,omitzero"`
	JSONSignature *string `json:"jsonSignature,omitzero"`
}

// asked is a question and the variables of the process in which it is asked.
type asked struct {
	Environment map[string]string `json:"environment"`
	Question    question          `json:"question"`
}

// answered is what the example returned. It returns what was thrown, too.
type answered struct {
	Answer  string `json:"answer"` // JSON text, as the platform would hand it to the caller
	Thrown  bool   `json:"thrown"`
	Message string `json:"message"` // of what was thrown; a caller does not see it
}

// ask runs an example with one version of a client.
func ask(t *testing.T, sdk, example string, questions []asked) []answered {
	t.Helper()
	var answers []answered
	node(t, map[string]any{"sdk": sdk, "example": example, "questions": questions}, &answers, nil, "run.js")
	if len(answers) != len(questions) {
		t.Fatalf("%s gave %d answers to %d questions", sdk, len(answers), len(questions))
	}
	return answers
}
