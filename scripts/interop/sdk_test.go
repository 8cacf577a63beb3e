package interop

import "testing"

// versions are the SDKs by their names in package.json.
var versions = []string{"wx-server-sdk-2", "wx-server-sdk-3", newest}

// newest is wx-server-sdk 4.0.2, whose words are our own function's model.
const newest = "wx-server-sdk-4"

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

// ask runs the documented example with one version of the SDK.
func ask(t *testing.T, sdk string, questions []asked) []answered {
	t.Helper()
	var answers []answered
	node(t, map[string]any{"sdk": sdk, "questions": questions}, &answers, nil, "run.js")
	if len(answers) != len(questions) {
		t.Fatalf("%s gave %d answers to %d questions", sdk, len(answers), len(questions))
	}
	return answers
}
