// Command call is the documented handler of soter.verifySignature in Go, and no
// more than that: it takes the three fields, makes the one HTTPS call with
// net/http, and hands back what WeChat answers. It has no doors, no retries and no
// limits.
//
// With LOG_LINE=1 it writes one line for each invocation by [slog.JSONHandler], as
// handlers in production do, with as many fields as the functions write. Without, it
// writes none.
//
// Its access_token is ACCESS_TOKEN. Without that it fetches one, once: before
// the first invocation on Lambda, with it on SCF, where the variables come with
// the invocation. With PORT it is a server of net/http, and the event is the body of
// a request.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"sotercall/internal/adapter/scfguard"
)

func main() {
	h := &handler{token: sync.OnceValues(accessToken)}
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		_, _ = h.token() // the invocation tells what went wrong
		lambda.Start(h)
		return
	}
	if port := os.Getenv("PORT"); port != "" {
		log.Fatal(http.ListenAndServe(net.JoinHostPort(os.Getenv("HOST"), port), h))
	}
	scfguard.StartHandler(h)
}

type handler struct {
	token func() (string, error)
}

type question struct {
	OpenID        string `json:"openid"`
	JSONString    string `json:"jsonString"`
	JSONSignature string `json:"jsonSignature"`
}

type answer struct {
	IsOK    bool   `json:"isOk"`
	ErrMsg  string `json:"errMsg"`
	ErrCode int    `json:"errCode"`
}

// Invoke implements lambda.Handler.
func (h *handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	if os.Getenv("LOG_LINE") != "1" {
		return h.verify(ctx, event, new(time.Duration))
	}
	begin := time.Now()
	var upstream time.Duration
	answer, err := h.verify(ctx, event, &upstream)
	logLine(ctx, begin, upstream, err)
	return answer, err
}

var logger = slog.New(slog.NewJSONHandler(os.Stderr, nil))

// logLine writes the fields that a line of the functions has.
func logLine(ctx context.Context, begin time.Time, upstream time.Duration, err error) {
	var requestID string
	if invocation, ok := lambdacontext.FromContext(ctx); ok {
		requestID = invocation.AwsRequestID
	}
	outcome := "answered"
	if err != nil {
		outcome = err.Error()
	}
	logger.LogAttrs(ctx, slog.LevelInfo, "invocation",
		slog.String("function", "call"), slog.String("request_id", requestID), slog.String("platform", "baseline"),
		slog.Bool("cold", false), slog.String("source", "direct"), slog.Float64("token_ms", 0),
		slog.Int("upstream_attempts", 1), slog.Float64("upstream_ms", milliseconds(upstream)),
		slog.String("call", "verifySignature"), slog.Int("errCode", 0), slog.String("outcome", outcome),
		slog.Float64("total_ms", milliseconds(time.Since(begin))))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (h *handler) verify(ctx context.Context, event []byte, upstream *time.Duration) ([]byte, error) {
	var q question
	if err := json.Unmarshal(event, &q); err != nil {
		return nil, err
	}
	token, err := h.token()
	if err != nil {
		return nil, err
	}
	var reply struct {
		ErrCode int    `json:"errcode"`
		ErrMsg  string `json:"errmsg"`
		IsOK    bool   `json:"is_ok"`
	}
	begin := time.Now()
	err = post(ctx, "/cgi-bin/soter/verify_signature?access_token="+url.QueryEscape(token),
		map[string]string{"openid": q.OpenID, "json_string": q.JSONString, "json_signature": q.JSONSignature}, &reply)
	*upstream = time.Since(begin)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer{IsOK: reply.IsOK, ErrMsg: "openapi.soter.verifySignature:" + reply.ErrMsg, ErrCode: reply.ErrCode})
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := h.Invoke(r.Context(), event)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

func accessToken() (string, error) {
	if token := os.Getenv("ACCESS_TOKEN"); token != "" {
		return token, nil
	}
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	err := post(context.Background(), "/cgi-bin/stable_token", map[string]string{
		"grant_type": "client_credential", "appid": os.Getenv("WECHAT_APPID"), "secret": os.Getenv("WECHAT_APPSECRET"),
	}, &grant)
	return grant.AccessToken, err
}

func post(ctx context.Context, path string, parameters map[string]string, reply any) error {
	body, err := json.Marshal(parameters)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("WECHAT_API_BASE")+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP status %d", response.StatusCode)
	}
	return json.NewDecoder(response.Body).Decode(reply)
}
