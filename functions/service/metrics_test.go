package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

const tokenClient = "a-client-secret-of-the-metrics-test"

// unused returns an address of loopback that nobody listens at.
func unused(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", need.Port(t))
}

// figures are those of one scrape.
type figures struct {
	text     string
	families map[string]*dto.MetricFamily
}

// scrape fetches the figures as Prometheus does.
func scrape(t *testing.T, address string) figures {
	t.Helper()
	resp, err := http.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", text)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	require.NoError(t, err)
	return figures{string(text), families}
}

// sum adds up the series of a counter or gauge that have these labels, as name=value, among
// theirs.
func (f figures) sum(metric string, labels ...string) (sum float64) {
	for _, series := range f.families[metric].GetMetric() {
		has := map[string]bool{}
		for _, label := range series.GetLabel() {
			has[label.GetName()+"="+label.GetValue()] = true
		}
		all := true
		for _, label := range labels {
			all = all && has[label]
		}
		if all {
			sum += series.GetCounter().GetValue() + series.GetGauge().GetValue()
		}
	}
	return sum
}

// document names the sandbox's app, then others in the order of credentials, and a client
// with the right to all.
func document(others int) (text string, credentials []sandbox.Credentials) {
	apps := fmt.Sprintf(`%q:{"secret":%q}`, sandbox.DefaultAppID, sandbox.DefaultAppSecret)
	for i := range others {
		c := sandbox.Credentials{AppID: fmt.Sprintf("wx%016x", i+1), AppSecret: fmt.Sprintf("app-secret-%d-of-the-metrics-test", i)}
		credentials = append(credentials, c)
		apps += fmt.Sprintf(`,%q:{"secret":%q}`, c.AppID, c.AppSecret)
	}
	return fmt.Sprintf(`{"apps":{%s},"clients":{"all":{"secrets":[%q],"apps":["*"]}}}`, apps, tokenClient), credentials
}

// TestMetricsWhileCallsRun: 150 apps, three kinds of outcomes, a log of which only errors
// are written, and scrapes meanwhile.
func TestMetricsWhileCallsRun(t *testing.T) {
	apps, credentials := document(149)
	wechat := hosted.NewSandbox(t, sandbox.Options{Apps: credentials})
	require.NoError(t, wechat.Inject(sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 40164, Path: "/cgi-bin/stable_token", Times: 1}))
	variables, metrics := wechat.Variables(), unused(t)
	delete(variables, "WECHAT_APPID")
	delete(variables, "WECHAT_APPSECRET")
	log := new(hosted.Log)
	s := hosted.HTTP(t, "service", hosted.With(variables, map[string]string{
		"WECHAT_APPS": apps, "HTTP_BEARER_TOKENS": bearer, "METRICS_PORT": metrics, "LOG_LEVEL": "error",
	}), hosted.Ample, log)
	assert.Zero(t, scrape(t, metrics).sum("sotercall_faults_total"))

	sample, authorized := hosted.Sample(t), http.Header{"Authorization": {"Bearer " + bearer}}
	ask := func(openid, signature string) string {
		_, answer := hosted.Post(t, s.URL+"/", hosted.JSON(t, map[string]string{
			"appid": sandbox.DefaultAppID, "openid": openid, "jsonString": sample.JSONString, "jsonSignature": signature}), authorized)
		return answer
	}
	last := credentials[len(credentials)-1].AppID
	_, answer := hosted.Post(t, s.URL+"/cgi-bin/stable_token", hosted.JSON(t, map[string]string{
		"grant_type": "client_credential", "appid": last, "secret": tokenClient}), nil)
	require.Contains(t, answer, "40164", "the fault")
	token := hosted.StableToken(t, s.URL, credentials[0].AppID, tokenClient)

	const rounds = 20
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for range rounds {
				assert.Equal(t, hosted.Verified, ask(sample.OpenID, sample.JSONSignature))
				assert.Contains(t, ask(sample.OpenID, "AAAA"+sample.JSONSignature[4:]), `"errCode":0`)
				assert.Contains(t, ask("", sample.JSONSignature), "-501007")
			}
		})
	}
	for range rounds {
		scrape(t, metrics)
	}
	all.Wait()
	const verify = "call=openapi.soter.verifySignature"
	var f figures
	require.Eventually(t, func() bool { // an answer goes out before it is counted
		f = scrape(t, metrics)
		return f.sum("sotercall_calls_total", verify) == 9*rounds
	}, time.Minute, 10*time.Millisecond)
	for outcome, code := range map[string]string{"genuine": "0", "wrong": "0", "error": "-501007"} {
		assert.InDelta(t, 3*rounds, f.sum("sotercall_calls_total", verify, "outcome="+outcome, "errcode="+code), 0, outcome)
	}
	assert.InDelta(t, 1, f.sum("sotercall_calls_total", "errcode=40164"), 0)
	assert.InDelta(t, 1, f.sum("sotercall_faults_total"), 0, "what callers do wrong is none")
	assert.InDelta(t, 6*rounds+3, f.sum("sotercall_upstream_attempts_total"), 0, "the verifications, and three fetches")

	assert.InDelta(t, 1, f.sum("sotercall_token_fetches_total", "app="+sandbox.DefaultAppID), 0)
	assert.InDelta(t, 3, f.sum("sotercall_token_fetches_total"), 0)
	assert.InDelta(t, 1, f.sum("sotercall_token_fetch_failures_total"), 0)
	assert.InDelta(t, 1, f.sum("sotercall_token_fetch_failures_total", "app=other"), 0, "the app is the 150th of the document")
	now := float64(time.Now().Unix())
	assert.InDelta(t, now, f.sum("sotercall_token_fetched_timestamp_seconds", "app="+sandbox.DefaultAppID), 600)
	assert.InDelta(t, now+7200, f.sum("sotercall_token_expires_timestamp_seconds", "app="+sandbox.DefaultAppID), 600)
	for name, family := range f.families {
		assert.LessOrEqual(t, len(family.GetMetric()), 101, name)
	}

	problems, err := promlint.New(strings.NewReader(f.text)).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
	secrets := []string{bearer, tokenClient, token, sandbox.DefaultAppSecret, credentials[0].AppSecret, sample.OpenID, sample.JSONString, sample.JSONSignature}
	for _, secret := range secrets {
		assert.Empty(t, hosted.Leak(f.text, secret))
	}
	assert.NotContains(t, log.String(), `"msg":"invocation"`, "LOG_LEVEL is error, and all is counted")
}

// TestMetricsTellOfTheStore: Redis is away, and the calls go on without it.
func TestMetricsTellOfTheStore(t *testing.T) {
	wechat, metrics := hosted.NewSandbox(t, sandbox.Options{}), unused(t)
	s := serve(t, hosted.With(wechat.Variables(), map[string]string{
		"HTTP_BEARER_TOKENS": bearer, "REDIS_URL": "redis://" + unused(t) + "/0", "METRICS_PORT": metrics,
	}))
	assert.Equal(t, hosted.Verified, verified(t, s))
	require.Eventually(t, func() bool { // what waits for a store may outlast the call
		f := scrape(t, metrics)
		return f.sum("sotercall_store_errors_total", "item=token") > 0 && f.sum("sotercall_store_errors_total", "item=counter") > 0
	}, time.Minute, 10*time.Millisecond)
	assert.Zero(t, scrape(t, metrics).sum("sotercall_store_errors_total", "item=challenge"), "the twin: no challenge was asked for")
}

// TestMetricsTellOfTheFile: a document that has changed is in the metrics, at /healthz, which
// stays green, and once in the log. What is loaded stays in force until a restart.
func TestMetricsTellOfTheFile(t *testing.T) {
	path, metrics := filepath.Join(t.TempDir(), "apps.json"), unused(t)
	put := func(others int) {
		text, _ := document(others)
		require.NoError(t, os.WriteFile(path+".next", []byte(text), 0o600))
		hourAgo := time.Now().Add(-time.Hour) // the service judges no file that may still be written
		require.NoError(t, os.Chtimes(path+".next", hourAgo, hourAgo))
		require.NoError(t, os.Rename(path+".next", path))
	}
	put(1)
	_, credentials := document(2)
	wechat := hosted.NewSandbox(t, sandbox.Options{Apps: credentials})
	variables, log := wechat.Variables(), new(hosted.Log)
	delete(variables, "WECHAT_APPID")
	delete(variables, "WECHAT_APPSECRET")
	start := func() *emulator.HTTPServer {
		s, err := emulator.StartHTTP(t.Context(), emulator.Function{
			Name: "service", Binary: hosted.Binary("service"), Timeout: hosted.Ample, Log: log,
			Env: hosted.With(variables, map[string]string{"WECHAT_APPS_FILE": path, "METRICS_PORT": metrics}),
		})
		require.NoError(t, err)
		return s
	}
	s := start()
	const notice = "\nWECHAT_APPS_FILE has changed since it was read: restart to load it\n"
	differs := func() float64 { return scrape(t, metrics).sum("sotercall_file_differs", "variable=WECHAT_APPS_FILE") }
	assert.NotContains(t, healthOf(t, s.URL), "WECHAT_APPS_FILE", "the twin")
	assert.Zero(t, differs())
	put(2)
	require.Eventually(t, func() bool { return differs() == 1 }, time.Minute, 10*time.Millisecond, "without a call")
	status, text := health(t, s)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, text, "ok\n")
	assert.Contains(t, text, notice)
	_, answer := hosted.Post(t, s.URL+"/cgi-bin/stable_token", hosted.JSON(t, map[string]string{
		"grant_type": "client_credential", "appid": credentials[1].AppID, "secret": tokenClient}), nil)
	assert.Contains(t, answer, "40013", "the new app is not loaded")
	require.NoError(t, s.Stop())
	require.NoError(t, s.Close())
	assert.Equal(t, 1, strings.Count(log.String(), `"level":"WARN","msg":"WECHAT_APPS_FILE has changed`), log.String())

	s = start()
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	assert.NotContains(t, healthOf(t, s.URL), "WECHAT_APPS_FILE")
	assert.Zero(t, differs())
	assert.NotEmpty(t, hosted.StableToken(t, s.URL, credentials[1].AppID, tokenClient), "a restart loads it")
}

// TestMetricsPortIsRefused where it cannot be served: at the start, by name.
func TestMetricsPortIsRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	address := unused(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for value, want := range map[string]string{
		port:                    "METRICS_PORT must be another port than PORT",
		"0.0.0.0:" + port:       "METRICS_PORT must be another port than PORT",
		"http":                  "METRICS_PORT must be a port such as 9464",
		":9464":                 "METRICS_PORT must be a port such as 9464",
		taken.Addr().String():   "METRICS_PORT: listen tcp " + taken.Addr().String(),
		"metrics.internal:9464": "METRICS_PORT must be a port such as 9464",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), hosted.Ample)
		command := exec.CommandContext(ctx, hosted.Binary("service"))
		command.Env = []string{"HOST=127.0.0.1", "PORT=" + port, "METRICS_PORT=" + value}
		out, err := command.CombinedOutput()
		cancel()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, value)
		assert.Equal(t, 2, exit.ExitCode(), value)
		assert.Contains(t, string(out), want, value)
	}
	// The twin: on 127.0.0.1 unless an address is given.
	_, metrics, err := net.SplitHostPort(unused(t))
	require.NoError(t, err)
	serve(t, map[string]string{"METRICS_PORT": metrics})
	assert.Contains(t, scrape(t, "127.0.0.1:"+metrics).text, "sotercall_build_info")
	_, err = new(net.Dialer).DialContext(t.Context(), "tcp", "127.0.0.2:"+metrics)
	require.Error(t, err)
}

// TestMetricsPortOffAPort: on Lambda and SCF the figures are in the log, and a port that
// nobody could scrape is refused.
func TestMetricsPortOffAPort(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	event := hosted.JSON(t, hosted.Sample(t))
	for value, refused := range map[string]bool{"9464": true, "": false} {
		variables := wechat.Variables()
		if refused {
			variables["METRICS_PORT"] = value
		}
		for name, runtime := range map[string]emulator.Runtime{
			"lambda": hosted.Lambda(t, "service", variables, hosted.Ample, new(hosted.Log)),
			"scf":    hosted.SCF(t, "service", variables, hosted.Ample, new(hosted.Log)),
		} {
			answer := hosted.Invoke(t, runtime, event, nil)
			if !refused {
				assert.Equal(t, hosted.Verified, answer, "%s: the twin", name)
				continue
			}
			assert.Contains(t, answer, `"isOk":false`, name)
			assert.Contains(t, answer, `"errCode":-604103`, name)
			assert.Contains(t, answer, "METRICS_PORT is only for functions/service behind PORT", name)
		}
	}
}
