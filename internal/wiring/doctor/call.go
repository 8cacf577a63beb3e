package doctor

import (
	"net/http"

	"github.com/go-json-experiment/json"

	"sotercall/internal/openapi"
	"sotercall/internal/version"
)

// CallName is the name of the call that checks a deployed function for its operator:
//
//	{"call":"check"}
//	{"good":true,"version":"0.3.0","lines":[{"name":"clock","status":"ok","text":"as WeChat's"}],
//	 "errCode":0,"errMsg":"check:ok"}
//
// Only direct events of backends may make it: it costs requests to WeChat, and describes
// the deployment.
const CallName = "check"

// Call answers CallName. plan returns what to try at that moment.
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
