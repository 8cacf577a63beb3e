// Package redis is the shared store on Redis: one server, a Cluster, or a master with
// Sentinels. Both clouds sell them managed.
//
// A [Server] is the server at REDIS_URL. [Tokens], [Ledger] and [AuthKeys] are the
// functions' data there. Scripts change it; each runs as one atomic step on the server
// (Redis documentation, EVAL). The keys of one script belong to one slot, so it runs on a
// Cluster as well.
//
// Servers cut connections, restart, fail over and move slots. go-redis then repeats a
// command within its time; after a failure it is not known whether a command has run. So
// everything that is sent here may run twice ([NewIdempotentScript]).
package redis

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"sotercall/internal/challenge"
	"sotercall/internal/secret"
	"sotercall/internal/secret/redact"
)

const (
	// timeout bounds one command or script, with connecting and all retries. Within one
	// network it takes a millisecond, with a cold TLS connect some tens.
	timeout = time.Second
	// idleLife bounds an idle connection. Servers, and the gateways in between, keep theirs
	// longer.
	idleLife = 30 * time.Second
	maxIdle  = 8
	// maxConns is far above a function's need. After that many failed attempts, go-redis
	// stops dialling for a second.
	maxConns = 1000
	// bufferSize is for each connection, twice; most commands and replies are smaller.
	bufferSize = 4 << 10

	// retries bounds the repetitions of a command: once for each idle connection that may
	// be broken.
	retries  = maxIdle
	minPause = 4 * time.Millisecond
	// maxPause bounds the pauses between retries at one server: some 0.15 s in total.
	maxPause = 25 * time.Millisecond
	// maxPauseElsewhere is the same if another server may take over: some 0.4 s in total. A
	// Cluster needs less to name the new one.
	maxPauseElsewhere = 150 * time.Millisecond
)

// Server is the server at REDIS_URL. It is safe for concurrent use. Use [Open] to make one.
type Server struct {
	redact *redact.Redactor // masks the address and the passwords in it

	client redis.UniversalClient
	// cluster is client if that is a Cluster, else nil.
	cluster *redis.ClusterClient
	// failsOver says that another server takes over when the master fails.
	failsOver bool
	// hopeless is why this configuration can never work; nil if it may.
	hopeless atomic.Pointer[string]
}

func init() { logging.Disable() } // the errors have everything

// Open returns the Server of an address; see parse for its forms. With rediss:// it trusts
// the authorities of the operating system (on Linux, as all Go programs, also those of
// SSL_CERT_FILE and SSL_CERT_DIR). It connects on first use.
func Open(address secret.Text) (*Server, error) {
	o, err := parse(address)
	if err != nil {
		return nil, err
	}
	return newStore(address, o), nil
}

func newStore(address secret.Text, o *redis.UniversalOptions) *Server {
	s := &Server{
		redact:    redact.New(address, secret.New(o.Password), secret.New(o.SentinelPassword)),
		failsOver: o.IsClusterMode || o.MasterName != "",
	}
	config := o.TLSConfig
	o.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address, config)
		if err != nil {
			s.seekMaster(ctx)
		}
		return c, err
	}
	o.Protocol = 2 // RESP3 is for messages that servers push
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.ContextTimeoutEnabled = true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	o.PoolSize, o.MaxIdleConns, o.ConnMaxIdleTime, o.PipelinePoolSize = maxConns, maxIdle, idleLife, -1
	o.ReadBufferSize, o.WriteBufferSize = bufferSize, bufferSize
	o.DialerRetries, o.MaxRetries, o.MaxRedirects = 1, retries, retries
	o.MinRetryBackoff, o.MaxRetryBackoff = minPause, maxPause
	if s.failsOver {
		o.MaxRetryBackoff = maxPauseElsewhere
	}
	if o.IsClusterMode {
		o.MaxRetries = -1 // redirects are the retries
		cluster := o.Cluster()
		// else each process fetches the list of all commands
		cluster.DisableRoutingPolicies = true
		s.cluster = redis.NewClusterClient(cluster)
		s.client = s.cluster
		return s
	}
	s.client = redis.NewUniversalClient(o)
	return s
}

// Close closes all connections.
func (s *Server) Close() error { return s.client.Close() }

// Do runs one command, which must be idempotent. The reply is nil, an int64, a string, or a
// []any of these. After an error it is not known whether the command has run.
func (s *Server) Do(ctx context.Context, command string, args ...any) (any, error) {
	return s.do(ctx, command, args, func(ctx context.Context) (any, error) {
		return s.client.Do(ctx, append([]any{command}, args...)...).Result()
	})
}

// Script is a Lua program that the server runs in one atomic step.
type Script struct {
	script *redis.Script
	keys   int
}

// NewIdempotentScript returns a Script of that number of keys, all in one slot, and any
// number of arguments, in KEYS and ARGV. It may run twice with the same keys and arguments.
// The second run must change nothing, and its reply must be equivalent to that of the
// first, which was lost.
//
// A script that only reads is idempotent. One that decides which caller was first becomes
// so by a nonce among its arguments, which it keeps and recognises.
func NewIdempotentScript(keys int, program string) *Script {
	return &Script{script: redis.NewScript(program), keys: keys}
}

// Run runs a Script with its keys first, its arguments after. The reply is as
// with [Server.Do]. After an error it is not known whether the script has run.
func (s *Server) Run(ctx context.Context, script *Script, keysAndArgs ...any) (any, error) {
	keys := make([]string, script.keys)
	for i := range keys {
		keys[i] = keysAndArgs[i].(string)
	}
	return s.do(ctx, "EVALSHA", keysAndArgs, func(ctx context.Context) (any, error) {
		return script.script.Run(ctx, s.client, keys, keysAndArgs[script.keys:]...).Result()
	})
}

// do runs a command or script within timeout, and returns an error without secrets.
func (s *Server) do(ctx context.Context, command string, args []any, run func(context.Context) (any, error)) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := run(ctx)
	if err == redis.Nil { // within another error: Sentinels do not know the master
		err = nil
	}
	s.note(err)
	if err == nil {
		return reply, nil
	}
	if !isReply(err) {
		s.seekMaster(ctx)
	}
	worded := s.redact.Error(withoutQuotes(err))
	if s.failsOver && isWithoutMaster(err) {
		return nil, fmt.Errorf("redis: %s: %w: %w", command, challenge.ErrNoMaster, worded)
	}
	return nil, fmt.Errorf("redis: %s: %w", command, worded)
}

// seekMaster makes the client reload the slots of a Cluster. go-redis itself reloads them
// once a minute, and after a redirect.
func (s *Server) seekMaster(ctx context.Context) {
	if s.cluster != nil {
		s.cluster.ReloadState(ctx)
	}
}
