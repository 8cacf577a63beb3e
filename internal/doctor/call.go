package doctor

import (
	"net/http"

	"github.com/go-json-experiment/json"

	"sotercall/internal/openapi"
	"sotercall/internal/version"
)

// CallName is the name of the call by which an operator has a deployed function checked:
//
//	{"call":"check"}
//	{"good":true,"version":"0.3.0","lines":[{"name":"clock","status":"ok","text":"as WeChat's"}],
//	 "errCode":0,"errMsg":"check:ok"}
//
// It is for direct events of backends only: it costs requests to WeChat, and says how the
// deployment is made.
const CallName = "check"

// Call answers CallName. plan says what is tried at that moment.
func Call(plan func() Plan) openapi.Call {
	return openapi.Call{Name: CallName, Direct: true, Serve: func(r *http.Request) openapi.Result {
		ctx := r.Context()
		if caller := openapi.CallerFrom(ctx); !caller.IsBackend() {
			return openapi.Refused(caller.Refused())
		}
		report := Run(ctx, plan(), true)
		body, err := json.Marshal(struct {
			Good    bool   `json:"good"`
			Version string `json:"version"`
			Lines   []Line `json:"lines"`
			ErrCode int    `json:"errCode"`
			ErrMsg  string `json:"errMsg"`
		}{report.Good(), version.String(), report.Lines, 0, CallName + ":ok"})
		if err != nil {
			return openapi.Refused(openapi.NewError(openapi.CodeSystem, "the report cannot be written", nil))
		}
		outcome := "good"
		if !report.Good() {
			outcome = "failed"
		}
		return openapi.Result{Body: body, Outcome: outcome}
	}}
}
