package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tencentyun/scf-go-lib/cloudfunction/messages"

	"sotercall/internal/adapter/scfguard"
)

// errDisconnected says that the process broke the connection during a call by ending.
var errDisconnected = errors.New("emulator: the process broke the connection")

// instance is one SCF process and the platform's connection to it.
type instance struct {
	process      *process
	address      string
	client       *rpc.Client
	initDuration atomic.Int64 // nanoseconds, not yet reported to a caller
}

// startInstance returns when the process accepts calls. It picks a free port; if another
// program has taken it by then, it tries another.
func startInstance(ctx context.Context, f Function) (*instance, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, initLimit, errNotReady)
	defer cancel()
	for {
		i, err := tryInstance(ctx, f)
		if errors.Is(err, errNotReady) {
			scfInit.Refuse()
		}
		failed := (*initError)(nil)
		if !errors.As(err, &failed) || !bytes.Contains(failed.log, []byte("address already in use")) {
			return i, err
		}
		if ctx.Err() != nil {
			return nil, err
		}
	}
}

func tryInstance(ctx context.Context, f Function) (*instance, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	key := scfguard.NewKey()
	p, err := startProcess(f, append(scfEnviron(f, address.Port), key.Variable()))
	if err != nil {
		return nil, err
	}
	i := &instance{process: p, address: address.String()}
	if err := i.connect(ctx, key); err != nil {
		i.destroy()
		if errors.Is(err, ErrClosed) {
			return nil, err
		}
		return nil, &initError{f.Name, err, p.log.since(0)}
	}
	i.initDuration.Store(int64(time.Since(p.started)))
	return i, nil
}

func freeAddress() (*net.TCPAddr, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("emulator: no free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr), nil
}

// maxRefusals bounds how often the key is presented in vain. Another program that looks for
// a free port may hold this one for a moment, and break the connection.
const maxRefusals = 50

// connect dials until the process listens. A ping shows that the function listens, and no
// other program.
func (i *instance) connect(ctx context.Context, key scfguard.Key) error {
	var dialer net.Dialer
	for refusals := 0; ; {
		conn, err := dialer.DialContext(ctx, "tcp", i.address)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			err := key.Present(conn)
			if !stop() {
				return context.Cause(ctx)
			}
			if err == nil {
				i.client = rpc.NewClient(conn)
				return i.call(ctx, "Function.Ping", &messages.PingRequest{}, &messages.PingResponse{})
			}
			_ = conn.Close() // only the key was sent
			if refusals++; refusals == maxRefusals {
				return err
			}
		}
		select {
		// a Go function is ready after about 4 ms: a longer pause would distort
		// InitDuration
		case <-time.After(time.Millisecond):
		case <-i.process.exited:
			return &exitError{i.process.status()}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// call makes one remote call. Its error is ctx's cause, errDisconnected, or a refusal of
// net/rpc on the other side.
func (i *instance) call(ctx context.Context, method string, request, response any) error {
	call := i.client.Go(method, request, response, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if call.Error == nil {
		return nil
	}
	if refused := rpc.ServerError(""); errors.As(call.Error, &refused) {
		return fmt.Errorf("emulator: %s: %w", method, call.Error)
	}
	return fmt.Errorf("%w: %w", errDisconnected, call.Error)
}

// destroy may be called more than once.
func (i *instance) destroy() {
	i.process.kill()
	if i.client != nil {
		_ = i.client.Close() // the error only says that it was closed before
	}
}

// scfEnviron returns the process environment of the Go1 runtime. Sources: CloudBase
// documentation, page cloud-function/function-configuration/env, and the variables that
// scf-go-lib reads.
func scfEnviron(f Function, port int) []string {
	return []string{
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"LANG=en_US.UTF-8",
		"TENCENTCLOUD_RUNENV=SCF",
		"SCF_NAMESPACE=" + scfNamespace,
		"USER_CODE_ROOT=" + filepath.Dir(f.Binary) + "/",
		"FUNCTION_NAME=" + f.Name,
		"FUNCTION_VERSION=" + latestVersion,
		"FUNCTION_MEMORY_SIZE=" + strconv.Itoa(f.MemoryMB),
		"_SCF_SERVER_PORT=28902",
		"_LAMBDA_SERVER_PORT=" + strconv.Itoa(port),
	}
}
