package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// startLimit is both platforms' limit of a start.
const startLimit = 10 * time.Second

// command is a program with its arguments and variables.
type command struct {
	path      string
	arguments []string
	variables map[string]string
}

func (c command) start(ctx context.Context, platformVariable string) (*exec.Cmd, error) {
	cmd := c.prepared(ctx, platformVariable)
	return cmd, cmd.Start()
}

// prepared returns the program, not yet started.
func (c command) prepared(ctx context.Context, platformVariable string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.path, c.arguments...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), platformVariable}
	for name, value := range c.variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// end kills the program after its measurement.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// toNext measures, in milliseconds, from the start of a program until it asks
// the Lambda Runtime API for its first invocation.
func (c command) toNext(ctx context.Context) (float64, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	deadline := time.Now().Add(startLimit)
	if err := listener.(*net.TCPListener).SetDeadline(deadline); err != nil {
		return 0, err
	}
	begin := time.Now()
	cmd, err := c.start(ctx, "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	if err != nil {
		return 0, err
	}
	defer end(cmd)
	conn, err := listener.Accept()
	if err != nil {
		return 0, fmt.Errorf("%s did not ask for an invocation: %w", c.path, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return 0, err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	took := time.Since(begin)
	if err != nil || !strings.HasPrefix(line, "GET /2018-06-01/runtime/invocation/next ") {
		return 0, fmt.Errorf("%s asked for %q: %w", c.path, line, err)
	}
	return milliseconds(took), nil
}

// toAccepting measures, in milliseconds, from the start of a program until it
// accepts SCF's connection.
func (c command) toAccepting(ctx context.Context) (float64, error) {
	return c.toListening(ctx, "_LAMBDA_SERVER_PORT")
}

// toServing is the same for a server's first connection.
func (c command) toServing(ctx context.Context) (float64, error) { return c.toListening(ctx, "PORT") }

// toListening gives the program its port in a variable.
func (c command) toListening(ctx context.Context, variable string) (float64, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address := free.Addr().String()
	free.Close()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	cmd, err := c.start(ctx, variable+"="+port)
	if err != nil {
		return 0, err
	}
	defer end(cmd)
	for time.Since(begin) < startLimit {
		if conn, err := net.Dial("tcp", address); err == nil {
			took := time.Since(begin)
			conn.Close()
			return milliseconds(took), nil
		}
		time.Sleep(100 * time.Microsecond) // dialling without a pause would take one CPU of two
	}
	return 0, fmt.Errorf("%s did not listen", c.path)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// readiness is the moment when a platform considers a function started.
type readiness struct {
	name  string
	until func(command, context.Context) (float64, error)
}

var (
	asksForNext = readiness{"exec to first `GET /next` (Lambda)", command.toNext}
	accepts     = readiness{"exec to accepting (SCF)", command.toAccepting}
)

// newcomer returns the function as deployed, with a start that waits for nothing. Its
// upstream is distant: it has not replied yet when the function is ready. The sandbox would
// reply at once, from the same CPUs. Then the preparation, which the first response needs,
// would count as part of the start; "exec to first answer" counts it.
//
// SCF's process gets no variables at its start. That it has them here changes nothing: it
// reads those of the invocation.
func (b *bench) newcomer() (_ command, leave func(), err error) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return command{}, nil, err
	}
	variables := b.upstream.Variables()
	variables["WECHAT_API_BASE"] = "https://" + silent.Addr().String()
	return command{path: filepath.Join(b.folder, "verify"), variables: variables}, func() { silent.Close() }, nil
}

// idle returns the function with AuthKeys of its own: it has nothing to prepare.
func (b *bench) idle() command {
	return command{path: filepath.Join(b.folder, "verify"), variables: map[string]string{
		"SOTER_VERIFIER": "local", "AUTHKEYS_FILE": filepath.Join(b.folder, "authkeys.json"),
	}}
}

// withDynamoDB returns a function with a table at an address.
func (c command) withDynamoDB(address string) command {
	variables := maps.Clone(c.variables)
	maps.Copy(variables, map[string]string{
		"DYNAMODB_TABLE": "sotercall", "AWS_ENDPOINT_URL_DYNAMODB": address, "AWS_REGION": "eu-west-1",
		"AWS_ACCESS_KEY_ID": "AKIDOFTHEBENCH", "AWS_SECRET_ACCESS_KEY": "opens-nothing", "AWS_SESSION_TOKEN": "opens-nothing-either",
	})
	return command{path: c.path, arguments: c.arguments, variables: variables}
}

// starting measures the start. On Lambda the function prepares what the first response
// needs before it is ready, so that time is no goal: see firstAnswer.
func (b *bench) starting(ctx context.Context) ([]Figure, error) {
	newcomer, leave, err := b.newcomer()
	if err != nil {
		return nil, err
	}
	defer leave()
	preparing := command{path: newcomer.path, variables: b.upstream.Variables()}
	bare := command{path: filepath.Join(b.folder, "bare")}
	var figures []Figure
	for _, s := range []struct {
		readiness
		ours command
		how  string
		goal Goal
	}{
		{asksForNext, b.idle(), ", nothing to prepare", Goal{Is: Informative}},
		{asksForNext, preparing, ", with token and connection", Goal{Is: Informative}},
		{accepts, newcomer, "", Goal{AtMost, 1.15}},
	} {
		samples, err := inTurns(ctx, b.starts,
			func() (float64, error) { return s.until(s.ours, ctx) },
			func() (float64, error) { return s.until(bare, ctx) })
		if err != nil {
			return nil, err
		}
		figures = append(figures, Figure{Name: s.name + s.how, Unit: Milliseconds}.
			against("bare handler", samples[0], samples[1], s.goal))
	}
	return figures, nil
}
