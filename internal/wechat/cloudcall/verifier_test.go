package cloudcall_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/openapi"
	"sotercall/internal/wechat/cloudcall"
)

const genuineReply = `{"errcode":0,"errmsg":"ok","is_ok":true}`

func TestGenuineAndWrong(t *testing.T) {
	verdict, err := ask(t, newBench(t, weChat(genuineReply)))
	require.NoError(t, err)
	assert.True(t, verdict.IsGenuine())

	verdict, err = ask(t, newBench(t, weChat(`{"errcode":0,"errmsg":"ok","is_ok":false}`)))
	require.NoError(t, err)
	assert.False(t, verdict.IsGenuine())
	assert.Equal(t, "WeChat says that the signature is wrong", verdict.Reason())
}

// CloudBase, docs.cloudbase.net/error-code/INVALID_PARAM: a function that another
// function calls has no ticket for Cloud Calls.
func TestWithoutATicketNothingIsAsked(t *testing.T) {
	b := newBench(t, weChat(genuineReply))
	delete(b.environment, cloudcall.Ticket)
	_, err := ask(t, b)
	assert.Equal(t, openapi.CodeInvalidParam, code(t, err))
	for _, part := range []string{"missing wxCloudApiToken", "a Mini Program page must call this function itself", "WECHAT_APPSECRET"} {
		assert.ErrorContains(t, err, part)
	}
	assert.Zero(t, b.requests.Load())

	b.environment["WX_CLOUDBASE_ACCESSTOKEN"] = "s3cr3t-cloudbase"
	verdict, err := ask(t, b)
	require.NoError(t, err, "the twin: what the SDK sends in its place")
	assert.True(t, verdict.IsGenuine())
}

func TestTheGatewayMissesATicket(t *testing.T) {
	for refusal, want := range map[string]int{
		`{"code":"INVALID_PARAM","message":"missing wxCloudApiToken","requestId":"r"}`:           openapi.CodeInvalidParam,
		`{"code":"INVALID_WX_ACCESS_TOKEN","message":"invalid wx access token","requestId":"r"}`: -501001,
	} {
		_, err := ask(t, newBench(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", cloudcall.ErrorType)
			_, _ = io.WriteString(w, refusal)
		}))
		assert.Equal(t, want, code(t, err))
		assert.ErrorContains(t, err, "a Mini Program page must call this function itself", refusal)
	}
}

func code(t *testing.T, err error) int {
	t.Helper()
	var e *openapi.Error
	require.ErrorAs(t, err, &e)
	return e.Code
}

func TestTimeIsUp(t *testing.T) {
	release := make(chan struct{})
	b := newBench(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := b.Verify(ctx, openapi.Request{})
	assert.Equal(t, openapi.CodeTimeout, code(t, err))
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = b.Verify(ctx, openapi.Request{})
	assert.Equal(t, openapi.CodeTimeout, code(t, err))
}

func TestTimeIsUpInTheMiddleOfTheReply(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("\x0a"))
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	})
	_, err := b.Verify(ctx, openapi.Request{})
	assert.Equal(t, openapi.CodeTimeout, code(t, err))
}

func TestGatewayThatFails(t *testing.T) {
	for name, gateway := range map[string]http.HandlerFunc{
		"drops the call": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"breaks off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("\x0a"))
		},
		"says too much":  answer([]byte(strings.Repeat(" ", 64<<10+1))),
		"redirects":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"is unavailable": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, gateway)
			_, err := ask(t, b)
			assert.Equal(t, openapi.CodeSystem, code(t, err))
			assert.EqualValues(t, 1, b.requests.Load(), "asked once, and not elsewhere")
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err)} {
				assert.NotContains(t, text, "s3cr3t")
				assert.NotContains(t, text, "seqId", "an address says who called")
			}
		})
	}

	b := newBench(t, weChat(genuineReply))
	b.server.Close()
	_, err := ask(t, b)
	assert.Equal(t, openapi.CodeSystem, code(t, err))
	assert.NotContains(t, err.Error(), "s3cr3t")
}

func TestConnectionIsKeptAndReplacedWhenDead(t *testing.T) {
	var connections []string
	b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
		connections = append(connections, r.RemoteAddr)
		weChat(genuineReply)(w, r)
	})
	verify := func() {
		t.Helper()
		verdict, err := ask(t, b)
		require.NoError(t, err)
		require.True(t, verdict.IsGenuine())
	}
	verify()
	verify()
	require.Equal(t, connections[0], connections[1], "kept")
	b.server.CloseClientConnections()
	verify()
	require.NotEqual(t, connections[1], connections[2], "the server had closed it")

	b.clock = b.clock.Add(4800 * time.Millisecond)
	verify()
	require.Equal(t, connections[2], connections[3])
	b.clock = b.clock.Add(4801 * time.Millisecond)
	verify()
	require.NotEqual(t, connections[3], connections[4], "not trusted after a freeze")
	assert.EqualValues(t, 5, b.requests.Load())
}

// TestUsedConnectionThatDiesUnderTheCall is the one case in which a call is sent
// twice, with the same bytes.
func TestUsedConnectionThatDiesUnderTheCall(t *testing.T) {
	var mu sync.Mutex // the handler that panics sends nothing that the test could wait for
	var bodies []string
	var b *bench
	b = newBench(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		bodies = append(bodies, string(body))
		mu.Unlock()
		if b.requests.Load() == 2 {
			panic(http.ErrAbortHandler)
		}
		weChat(genuineReply)(w, r)
	})
	for range 2 {
		verdict, err := ask(t, b)
		require.NoError(t, err)
		assert.True(t, verdict.IsGenuine())
	}
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, bodies, 3)
	assert.Equal(t, bodies[1], bodies[2])
	assert.NotEqual(t, bodies[0], bodies[1], "each call has its own boundary")
}

func TestCallsAreNumbered(t *testing.T) {
	var targets []string
	b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
		targets = append(targets, r.RequestURI)
		weChat(genuineReply)(w, r)
	})
	for range 2 {
		_, err := ask(t, b)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"/admin?env=&seqId=19ab00b2759_1", "/admin?env=&seqId=19ab00b2759_2"}, targets)
}

func TestQuestionThatIsNotUTF8IsNotSent(t *testing.T) {
	b := newBench(t, weChat(genuineReply))
	for _, r := range []openapi.Request{{OpenID: "\xff"}, {JSONString: "\xff"}, {JSONSignature: "\xff"}} {
		_, err := b.Verify(t.Context(), r)
		assert.Equal(t, openapi.CodeInvalidParam, code(t, err))
	}
	assert.Zero(t, b.requests.Load())
}

func TestGatewayMustBeSafe(t *testing.T) {
	b := newBench(t, weChat(genuineReply))
	for _, config := range []string{
		`{"URL":"http://gateway.example/admin"}`, `{"URL":"http://127.0.0.1.example/admin"}`, `{"URL":"ftp://localhost/admin"}`,
		`{"URL":"/admin"}`, `{"URL":"https:///admin"}`, `{"URL":"https://s3cr3t:s3cr3t@gateway.example/admin"}`, `{"URL":"https://%zz"}`,
	} {
		b.environment["TCB_CONTEXT_CNFG"] = config
		_, err := ask(t, b)
		assert.Equal(t, openapi.CodeSystem, code(t, err))
		assert.ErrorContains(t, err, "the URL in TCB_CONTEXT_CNFG must be an https address", config)
		assert.NotContains(t, err.Error(), "s3cr3t")
	}
	for _, config := range []string{`{"URL":1}`, `{`, `[]`, `{"URL":"","URL":""}`} {
		b.environment["TCB_CONTEXT_CNFG"] = config
		_, err := ask(t, b)
		assert.ErrorContains(t, err, "TCB_CONTEXT_CNFG is not a JSON object with a URL", config)
	}
	assert.Zero(t, b.requests.Load())
}

func TestGatewayOfTheRegion(t *testing.T) {
	for _, c := range []struct{ config, tcbEnv, namespace, region, want string }{
		{"", "demo-1a", "other", "ap-shanghai", "https://demo-1a.ap-shanghai.tcb-api.tencentcloudapi.com/admin"},
		{"", "", "demo-1a", "ap-shanghai", "https://demo-1a.ap-shanghai.tcb-api.tencentcloudapi.com/admin"},
		{"", "demo-1a", "", "", "https://demo-1a.tcb-api.tencentcloudapi.com/admin"},
		{"", "", "", "ap-shanghai", "https://ap-shanghai.tcb-api.tencentcloudapi.com/admin"},
		{"", "$:page", "", "", "https://tcb-api.tencentcloudapi.com/admin"},
		{"", strings.Repeat("a", 41), "", "", "https://tcb-api.tencentcloudapi.com/admin"},
		{`{"OTHER":1}`, "demo-1a", "", "", "https://demo-1a.tcb-api.tencentcloudapi.com/admin"},
		{`{"URL":"https://gateway.example/x","OTHER":1}`, "demo-1a", "", "ap-shanghai", "https://gateway.example/x"},
		{`{"URL":"http://[::1]:9/admin"}`, "", "", "", "http://[::1]:9/admin"},
	} {
		got, err := cloudcall.GatewayOf(map[string]string{
			"TENCENTCLOUD_SECRETID": "i", "TENCENTCLOUD_SECRETKEY": "k", "TCB_CONTEXT_CNFG": c.config,
			"TCB_ENV": c.tcbEnv, "SCF_NAMESPACE": c.namespace, "TENCENTCLOUD_REGION": c.region,
		})
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
}
