// Package hosting runs functions as they are deployed, on stand-ins for their platforms and
// for WeChat. [Upstream] is WeChat behind TLS, and [Container] is WeChat Cloud Hosting.
// [Start] hosts a function and reads the resource use of its process.
//
// Tests use it through package hosted, which ends everything with the test. scripts/local,
// scripts/bench and scripts/soak use it directly.
package hosting

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/go-json-experiment/json"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
)

// Verified is the response to a genuine signature.
const Verified = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`

// Function is a function that runs on a platform.
type Function struct {
	emulator.Runtime
	binary string // a link of its own, which identifies its process
}

// Start starts f's binary from a link with a number in its name, which no other running
// function may have. The caller must close the function.
func Start(ctx context.Context, on emulator.Platform, number int, f emulator.Function) (*Function, error) {
	link := fmt.Sprintf("%s-%d", f.Binary, number)
	if err := os.Link(f.Binary, link); err != nil {
		return nil, err
	}
	f.Binary = link
	runtime, err := on.Start(ctx, f)
	if err != nil {
		return nil, errors.Join(err, os.Remove(link))
	}
	return &Function{Runtime: runtime, binary: link}, nil
}

// Close ends the function.
func (f *Function) Close() error { return errors.Join(f.Runtime.Close(), os.Remove(f.binary)) }

// Process returns the current process of the function: a platform replaces one that has
// ended.
func (f *Function) Process() (Process, error) { return childRunning(f.binary) }

// Event returns the event of a Mini Program's backend to verify a signature.
func Event(s sandbox.Signed) []byte {
	event, err := json.Marshal(s)
	if err != nil {
		panic(err) // three strings in UTF-8
	}
	return event
}

// PageCaller returns the variables that Tencent's platform adds to an invocation by a
// user's page.
func PageCaller(openid string) map[string]string {
	return map[string]string{"WX_OPENID": openid, "WX_APPID": sandbox.DefaultAppID, "TCB_SOURCE": "wx_client",
		"WX_CONTEXT_KEYS": "WX_OPENID,WX_APPID"}
}
