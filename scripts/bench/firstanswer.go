package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/challenge"
	"sotercall/internal/dev/hosting"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secret"
)

// share is the part of a core that Lambda gives a function of that memory. It is one core
// at 1,769 MB (AWS Lambda, "Configure Lambda function memory"). Below 256 MB it is
// measured: a fourteenth at 128 MB.
var shares = []struct {
	megabytes int
	share     float64
}{{128, 1. / 14}, {256, 1. / 7}, {1769, 1}}

const firstAnswerDelay = 20 * time.Millisecond // WeChat's delay

// firstAnswer measures the cold start as a user feels it: from exec to the first response.
// The function has a whole computer until it asks for its first invocation, which waits
// already, and a share of one core from then on. WeChat is behind TLS, with a chain of RSA
// certificates and a bundle of authorities as large as Debian's. The baseline makes the
// same call, and fetches its token before its first GET /next.
func (b *bench) firstAnswer(ctx context.Context) (figures []Figure, err error) {
	limits, err := newThrottle()
	if err != nil {
		return []Figure{{Name: "exec to first answer, 128 MB (Lambda)", Unit: Milliseconds, Against: handlerWithCall, Goal: Goal{AtMost, 1.15}, Missing: err.Error()}}, nil
	}
	defer func() { err = errors.Join(err, limits.remove()) }()
	cold, leave, err := b.newCold(limits)
	if err != nil {
		return nil, err
	}
	defer leave()
	for _, s := range cold.scenarios() {
		for _, at := range shares {
			goal := s.goal
			if at.megabytes != 128 {
				if s.name != "" {
					continue
				}
				goal = Goal{Is: Informative}
			}
			measured, err := cold.measure(ctx, s, at.share)
			if err != nil {
				return nil, fmt.Errorf("%d MB%s: %w", at.megabytes, s.name, err)
			}
			where := fmt.Sprintf(", %d MB (Lambda)%s", at.megabytes, s.name)
			figures = append(figures,
				Figure{Name: "exec to first answer" + where, Unit: Milliseconds}.against(handlerWithCall, measured[0].walls, measured[1].walls, goal),
				Figure{Name: "CPU from first `GET /next` to first answer" + where, Unit: Milliseconds}.against(handlerWithCall, measured[0].cpus, measured[1].cpus, Goal{Is: Informative}))
		}
	}
	return figures, nil
}

// coldStart has the common parts of all cold starts.
type coldStart struct {
	*bench
	limits                   *throttle
	chain                    chain
	wechat                   *httptest.Server
	secretsManager, dynamoDB *httptest.Server
	issuer                   *challenge.Issuer
}

const benchChallengeSecret = "a-challenge-secret-of-the-bench-1"

func (b *bench) newCold(limits *throttle) (_ *coldStart, leave func(), err error) {
	c := &coldStart{bench: b, limits: limits}
	if c.chain, err = newChain(filepath.Join(b.folder, "bundle.pem")); err != nil {
		return nil, nil, err
	}
	if c.issuer, err = challenge.NewIssuer([]secret.Text{secret.New(benchChallengeSecret)}, challenge.MaxTTL, time.Now); err != nil {
		return nil, nil, err
	}
	if err := b.upstream.Inject(sandbox.Fault{Kind: sandbox.FaultDelay, DelayMS: int(firstAnswerDelay.Milliseconds())}); err != nil {
		return nil, nil, err
	}
	c.wechat = c.chain.Serve(b.upstream.Sandbox, "http/1.1")
	c.secretsManager = c.chain.Serve(http.HandlerFunc(secretsServer), "http/1.1")
	c.dynamoDB = c.chain.Serve(&table{items: map[string]jsontext.Value{}}, "http/1.1")
	return c, func() {
		b.upstream.ClearFaults()
		c.wechat.Close()
		c.secretsManager.Close()
		c.dynamoDB.Close()
	}, nil
}

// scenario is the environment of a function.
type scenario struct {
	name      string
	variables map[string]string
	event     func() ([]byte, error)
	goal      Goal
}

func (c *coldStart) scenarios() []scenario {
	plain := map[string]string{
		"WECHAT_APPID": sandbox.DefaultAppID, "WECHAT_APPSECRET": sandbox.DefaultAppSecret,
		"WECHAT_API_BASE": c.wechat.URL, "SSL_CERT_FILE": c.chain.bundle,
	}
	stored := command{variables: plain}.withDynamoDB(c.dynamoDB.URL).variables
	delete(stored, "WECHAT_APPSECRET")
	maps.Copy(stored, map[string]string{
		"WECHAT_APPSECRET_ARN":             "arn:aws:secretsmanager:eu-central-1:123456789012:secret:bench",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": c.secretsManager.URL,
	})
	challenged := maps.Clone(stored)
	challenged["CHALLENGE_SECRET"] = benchChallengeSecret
	genuine := func() ([]byte, error) { return c.event, nil }
	return []scenario{
		{"", plain, genuine, Goal{AtMost, 1.15}},
		{", secrets from Secrets Manager and the token in DynamoDB", stored, genuine, Goal{AtMost, 1.4}},
		{", and a challenge consumed in DynamoDB", challenged, c.challenged, Goal{AtMost, 1.6}},
	}
}

// challenged returns an event for a new challenge.
func (c *coldStart) challenged() ([]byte, error) {
	issued, err := c.issuer.Issue(c.phone.OpenID(), "")
	if err != nil {
		return nil, err
	}
	signed, err := c.phone.Sign(issued.Text)
	if err != nil {
		return nil, err
	}
	return hosting.Event(signed), nil
}

// measurements are those of one side, in ms.
type measurements struct{ walls, cpus []float64 }

// measure measures ours and the baseline in turns.
func (c *coldStart) measure(ctx context.Context, s scenario, share float64) (sides [2]measurements, err error) {
	baseline := c.upstream.Variables()
	maps.Copy(baseline, map[string]string{"WECHAT_API_BASE": c.wechat.URL, "SSL_CERT_FILE": c.chain.bundle})
	side := func(m *measurements, program string, variables map[string]string) func() (float64, error) {
		return func() (float64, error) {
			event, err := s.event()
			if err != nil {
				return 0, err
			}
			wall, cpu, err := c.once(ctx, command{path: filepath.Join(c.folder, program), variables: variables}, event, share)
			m.cpus = append(m.cpus, milliseconds(cpu))
			return milliseconds(wall), err
		}
	}
	walls, err := inTurns(ctx, c.colds, side(&sides[0], "verify", s.variables), side(&sides[1], "call", baseline))
	if err != nil {
		return sides, err
	}
	for i := range sides {
		sides[i].walls, sides[i].cpus = walls[i], sides[i].cpus[1:] // the first turn does not count
	}
	return sides, nil
}

// once starts a program on a Runtime API where an invocation is waiting, and measures the
// time until the response.
func (c *coldStart) once(ctx context.Context, program command, event []byte, share float64) (wall, cpu time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := c.limits.open(); err != nil {
		return 0, 0, err
	}
	api := &firstInvocation{event: event, asked: make(chan struct{}), limited: make(chan error, 1), answered: make(chan []byte, 1), over: ctx}
	server := httptest.NewServer(api)
	defer server.Close()
	defer cancel() // ends the second GET /next
	cmd := program.prepared(ctx, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(server.URL, "http://"))
	begin := time.Now()
	if err := c.limits.start(cmd); err != nil {
		return 0, 0, err
	}
	defer end(cmd)
	process := hosting.ProcessOf(cmd.Process.Pid)
	select {
	case <-api.asked:
	case <-ctx.Done():
		return 0, 0, fmt.Errorf("%s did not ask for an invocation", program.path)
	}
	before, err := process.CPU()
	if err != nil {
		return 0, 0, err
	}
	api.limited <- c.limits.limit(share)
	select {
	case answer := <-api.answered:
		wall = time.Since(begin)
		if !strings.Contains(string(answer), `"isOk":true`) {
			return 0, 0, fmt.Errorf("%s answered %s", program.path, answer)
		}
	case <-ctx.Done():
		return 0, 0, fmt.Errorf("%s did not answer", program.path)
	}
	after, err := process.CPU()
	return wall, after - before, err
}

// firstInvocation is Lambda's Runtime API, with one invocation.
type firstInvocation struct {
	event    []byte
	asked    chan struct{} // closed by the first GET /next
	limited  chan error    // receives the error of setting the limit, before the event is sent
	answered chan []byte
	over     context.Context
}

// ServeHTTP implements http.Handler.
func (f *firstInvocation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodPost { // the response, or an error
		f.answered <- body
		w.WriteHeader(http.StatusAccepted)
		return
	}
	select {
	case <-f.asked:
		<-f.over.Done()
		return
	default:
		close(f.asked)
	}
	if err := <-f.limited; err != nil {
		f.answered <- []byte(err.Error())
		return
	}
	w.Header().Set("Lambda-Runtime-Aws-Request-Id", "first")
	w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(startLimit).UnixMilli()))
	w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:bench")
	_, _ = w.Write(f.event)
}
