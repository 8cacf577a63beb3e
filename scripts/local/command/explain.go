package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/adapter"
	"sotercall/internal/dev/sandbox"
	host "sotercall/internal/function"
	"sotercall/internal/trigger"
	"sotercall/internal/wiring/deployed"
)

// explain describes an event, and the likely mistakes in it. The function runs in this
// process, so that nothing is built; WeChat is the sandbox.
func explain(ctx context.Context, i invocation) (err error) {
	added := i.environment("env")
	challenges := i.boolean("challenges")
	phones := i.text("phones", "")
	files, err := i.parse(1)
	if err != nil {
		return err
	}
	event, err := i.event(strings.Join(files, ""))
	if err != nil {
		return err
	}
	folder, err := i.phonesFolder(ctx, *phones)
	if err != nil {
		return err
	}
	w, err := listen(settings{addr: "127.0.0.1:0", phones: folder})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	said, err := w.answer(ctx, event, added, *challenges)
	if err != nil {
		return err
	}
	q := parseEvent(trigger.Read(event), event, trigger.CallerOf(added, false))
	verdict, err := w.judge(ctx, q)
	if err != nil {
		return err
	}
	return explanation{i.Table, q, said, verdict}.print(i.out)
}

// said is the function's response to an event, and its log line.
type said struct {
	answer string
	line   struct {
		Outcome string `json:"outcome"`
		Code    int    `json:"errCode"`
		Error   string `json:"error"`
		Reason  string `json:"reason"`
		Hint    string `json:"hint"`
	}
}

// answer has verify handle an event, as it would be deployed. Its HTTP endpoints are open,
// because explain is not about their authorization.
func (w *world) answer(ctx context.Context, event []byte, added environment, challenges bool) (said, error) {
	variables := function{name: "verify"}.variables(w.base, challenges)
	variables["WECHAT_APPSECRET"] = sandbox.DefaultAppSecret
	delete(variables, "WECHAT_TOKEN_BASE") // the token function does not run
	var log bytes.Buffer
	verify := host.New("verify", func(_ map[string]string, log *slog.Logger, level *slog.LevelVar) (host.Function, error) {
		return deployed.Stores().Verify(variables, log, level)
	}, &log)
	on := adapter.Invocation{Platform: adapter.Lambda, Authorized: true, Environment: added}
	if len(added) > 0 {
		on.Platform = adapter.SCF
	}
	answer, err := verify.Invoke(ctx, on, event)
	if err != nil {
		return said{}, err
	}
	s := said{answer: string(answer)}
	return s, json.Unmarshal(bytes.TrimSpace(log.Bytes()), &s.line)
}
