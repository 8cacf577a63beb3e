// Package redis is the store that all instances of the functions share, on Redis: one
// server, a Cluster, or a master that Sentinels watch over. Both clouds sell
// them managed.
//
// A [Store] is the place that REDIS_URL names. [Tokens], [Ledger] and [AuthKeys] are what
// the functions keep there. It is changed by scripts, each of which runs as one atomic step
// on the server (Redis documentation, EVAL). The keys of one
// script belong to one slot, so that it runs on a Cluster as well.
//
// Servers cut connections, restart, fail over and move slots. go-redis sends a command
// again then, within the time that it has; after a failure it is not known whether a
// command has run. So everything that is sent here may run twice
// ([NewIdempotentScript]).
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
	// timeout bounds one command or script, with connecting and all retries. Within
	// one network it takes a millisecond, with a cold TLS connect some tens.
	timeout = time.Second
	// idleLife is how long an idle connection is kept: shorter than servers and the
	// gateways between keep theirs.
	idleLife = 30 * time.Second
	maxIdle  = 8
	// maxConns is far above what a function needs. go-redis dials no more for a second
	// when as many attempts have failed.
	maxConns = 1000
	// bufferSize is for each connection, twice; most commands and replies are smaller.
	bufferSize = 4 << 10

	// retries bounds how often a command is sent again: once for each idle connection
	// that may be broken.
	retries  = maxIdle
	minPause = 4 * time.Millisecond
	// maxPause bounds the pauses between retries at one server: some 0.15 s in all.
	maxPause = 25 * time.Millisecond
	// maxPauseElsewhere is the same where another server may take over: some 0.4 s, longer
	// than it takes to ask a Cluster again which one that is.
	maxPauseElsewhere = 150 * time.Millisecond
)

// Store is where REDIS_URL leads. It may be used concurrently. Make it with [Open].
type Store struct {
	redact *redact.Redactor // knows the address and the passwords in it

	client redis.UniversalClient
	// cluster is client if that is a Cluster, else nil.
	cluster *redis.ClusterClient
	// failsOver says that another server takes over when the master fails.
	failsOver bool
	// hopeless is why nothing works as it is configured; nil if something does.
	hopeless atomic.Pointer[string]
}

func init() { logging.Disable() } // what fails is in the errors

// Open makes the Store of an address; see parse for its forms. With rediss:// it
// trusts the authorities of the operating system (and, as everywhere in Go on Linux,
// those of SSL_CERT_FILE and SSL_CERT_DIR). It connects when the Store is used, not
// before.
func Open(address secret.Text) (*Store, error) {
	o, err := parse(address)
	if err != nil {
		return nil, err
	}
	return newStore(address, o), nil
}

func newStore(address secret.Text, o *redis.UniversalOptions) *Store {
	s := &Store{
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
	o.Protocol = 2 // RESP3 is for what servers send unasked
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
		cluster.DisableRoutingPolicies = true // else each process asks for all COMMANDs
		s.cluster = redis.NewClusterClient(cluster)
		s.client = s.cluster
		return s
	}
	s.client = redis.NewUniversalClient(o)
	return s
}

// Close hangs up all connections.
func (s *Store) Close() error { return s.client.Close() }

// Do runs one command, which must be one that may run twice. The reply is nil, an
// int64, a string, or a []any of these. After an error it is not known whether the
// command has run.
func (s *Store) Do(ctx context.Context, command string, args ...any) (any, error) {
	return s.do(ctx, command, args, func(ctx context.Context) (any, error) {
		return s.client.Do(ctx, append([]any{command}, args...)...).Result()
	})
}

// Script is a Lua program that the server runs in one atomic step.
type Script struct {
	script *redis.Script
	keys   int
}

// NewIdempotentScript makes a Script that takes so many keys, all in one slot, and any
// number of arguments, in KEYS and ARGV. It may run twice with the same keys and
// arguments: the second run changes nothing, and its reply is as good as that of
// the first, which was lost.
//
// A script that only reads is idempotent. One that decides who was first becomes
// so by a nonce among its arguments, which it keeps and recognizes.
func NewIdempotentScript(keys int, program string) *Script {
	return &Script{script: redis.NewScript(program), keys: keys}
}

// Run runs a Script with its keys first, its arguments after. The reply is as
// with [Store.Do]. After an error it is not known whether the script has run.
func (s *Store) Run(ctx context.Context, script *Script, keysAndArgs ...any) (any, error) {
	keys := make([]string, script.keys)
	for i := range keys {
		keys[i] = keysAndArgs[i].(string)
	}
	return s.do(ctx, "EVALSHA", keysAndArgs, func(ctx context.Context) (any, error) {
		return script.script.Run(ctx, s.client, keys, keysAndArgs[script.keys:]...).Result()
	})
}

// do runs something within timeout, and words what goes wrong.
func (s *Store) do(ctx context.Context, command string, args []any, run func(context.Context) (any, error)) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := run(ctx)
	if err == redis.Nil { // within another error, Sentinels do not know the master
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

// seekMaster has a Cluster asked which server is the master of which slot. By itself,
// go-redis does so once a minute only, and when a server says that it is not.
func (s *Store) seekMaster(ctx context.Context) {
	if s.cluster != nil {
		s.cluster.ReloadState(ctx)
	}
}
