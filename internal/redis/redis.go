// Package redis reaches the store that all instances of the functions share:
// Redis, which both clouds sell managed.
//
// A [Store] is one server, named by REDIS_URL. What the functions keep there is
// changed by scripts, each of which runs as one atomic step on the server
// (Redis documentation, EVAL); who keeps what is the affair of the package that
// does it. Everything waits for a short time only: a store that does not answer
// must not use up the time of an invocation.
//
// Servers cut connections: when they restart or fail over, when they are full of
// clients, when a gateway on the way forgets. What is safe to repeat is therefore
// said where it is written ([Store.Read], [NewIdempotentScript]) and repeated once;
// everything else runs once at most.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"sotercall/internal/redact"
	"sotercall/internal/secret"
)

const (
	// timeout bounds one command or script, a connect before it included. Within
	// one network it takes a millisecond, with a cold TLS connect some tens.
	timeout = time.Second
	// doubtAfter is how long a connection may have been idle before it is tried
	// with a PING: the function may have been frozen meanwhile, and the server
	// may have hung up.
	doubtAfter = time.Second
	// idleLife is how long an idle connection is kept: shorter than servers and
	// the gateways between keep theirs.
	idleLife = 30 * time.Second
	maxIdle  = 8
)

// Store is a Redis server, or a proxy that looks like one server. It may be used
// concurrently. Make it with [Open].
type Store struct {
	pool   *redis.Pool
	redact *redact.Redactor // knows the address and the password in it
	// distrusted is until when, in Unix nanoseconds, connections were used that may
	// lead to a server that has been demoted; 0 for never.
	distrusted atomic.Int64
}

// Open makes the Store of an address such as redis://:password@host:6379/0, or
// rediss:// for TLS, which trusts the authorities of the operating system (and,
// as everywhere in Go on Linux, those of SSL_CERT_FILE and SSL_CERT_DIR). It
// connects when the Store is used, not before.
func Open(address secret.Text) (*Store, error) {
	if !isAddress(address) {
		// The parser's own words quote the address, and with it the password.
		return nil, errors.New("not an address of the form redis://:password@host:6379/0 or rediss://…" +
			" (in the password, / ? # @ % stand as %2F %3F %23 %40 %25)")
	}
	s := &Store{redact: redact.New(secretsOf(address)...)}
	s.pool = &redis.Pool{
		MaxIdle:     maxIdle,
		IdleTimeout: idleLife,
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			return redis.DialURLContext(ctx, address.Reveal(),
				redis.DialConnectTimeout(timeout), redis.DialTLSHandshakeTimeout(timeout),
				redis.DialReadTimeout(timeout), redis.DialWriteTimeout(timeout),
				redis.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
		},
		TestOnBorrowContext: func(ctx context.Context, c redis.Conn, lastUsed time.Time) error {
			if lastUsed.UnixNano() <= s.distrusted.Load() {
				return errors.New("the server may have been demoted")
			}
			return test(ctx, c, time.Now().Round(0).Sub(lastUsed.Round(0)))
		},
	}
	return s, nil
}

// isAddress is strict: in an address with an unescaped password, a part of the
// password stands where the host, the port or the database should be, and would
// be shown with the first failure to connect.
func isAddress(address secret.Text) bool {
	u, err := url.Parse(address.Reveal())
	if err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || u.Hostname() == "" ||
		u.ForceQuery || u.RawQuery != "" || strings.Contains(address.Reveal(), "#") {
		return false
	}
	database := strings.TrimPrefix(u.Path, "/")
	_, err = strconv.ParseUint(database, 10, 16)
	return database == "" || err == nil
}

// test decides whether a connection that was idle for so long, by the clock on
// the wall, may be used again. The other clock stands still in a frozen function,
// so that the pool's own IdleTimeout may come late.
func test(ctx context.Context, c redis.Conn, idle time.Duration) error {
	switch {
	case idle.Abs() < doubtAfter:
		return nil
	case idle.Abs() > idleLife:
		return errors.New("idle for too long")
	}
	_, err := redis.DoContext(c, ctx, "PING")
	return err
}

// Close hangs up all connections.
func (s *Store) Close() error { return s.pool.Close() }

// Do runs one command, once. After an error it is not known whether the command
// has run. The reply is nil, an int64, a string for a status, a []byte, or a []any
// of these.
func (s *Store) Do(ctx context.Context, command string, args ...any) (any, error) {
	return s.with(ctx, command, args, false, single(command, args))
}

// Read is Do for a command that changes nothing on the server: it is repeated once
// when the connection breaks.
func (s *Store) Read(ctx context.Context, command string, args ...any) (any, error) {
	return s.with(ctx, command, args, true, single(command, args))
}

// exchange sends something over a connection and waits for the reply.
type exchange func(context.Context, redis.Conn) (any, error)

func single(command string, args []any) exchange {
	return func(ctx context.Context, c redis.Conn) (any, error) {
		return redis.DoContext(c, ctx, command, args...)
	}
}

// Script is a Lua program that the server runs in one atomic step.
type Script struct {
	script     *redis.Script
	idempotent bool
}

// NewScript makes a Script that takes so many keys, and any number of
// arguments, in KEYS and ARGV. It is never sent twice by one Run.
func NewScript(keys int, program string) *Script {
	return &Script{script: redis.NewScript(keys, program)}
}

// NewIdempotentScript makes a Script that may run twice with the same keys and
// arguments: the second run changes nothing, and its reply is as good as that of
// the first, which was lost. It is repeated once when the connection breaks.
//
// A script that only reads is idempotent. One that decides who was first becomes
// so by a nonce among its arguments, which it keeps and recognizes.
func NewIdempotentScript(keys int, program string) *Script {
	return &Script{script: redis.NewScript(keys, program), idempotent: true}
}

// Run runs a Script with its keys first, its arguments after. The reply is as
// with [Store.Do]. After an error it is not known whether the script has run.
func (s *Store) Run(ctx context.Context, script *Script, keysAndArgs ...any) (any, error) {
	return s.with(ctx, "EVALSHA", keysAndArgs, script.idempotent, func(ctx context.Context, c redis.Conn) (any, error) {
		return script.script.DoContext(ctx, c, keysAndArgs...)
	})
}

// with runs an exchange, within timeout in all. If the connection breaks it runs it
// once more, on a new connection: the others in the pool broke with the first, most
// likely. An exchange that is not idempotent is run again only if nothing was sent,
// or if the server was demoted and so has done nothing.
func (s *Store) with(ctx context.Context, command string, args []any, idempotent bool, run exchange) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, sent, err := attempt(ctx, s.pool.GetContext, run)
	demoted := isDemoted(err)
	if demoted {
		s.distrusted.Store(time.Now().UnixNano())
	}
	if demoted || (idempotent || !sent) && isBroken(ctx, err) {
		reply, sent, err = attempt(ctx, s.pool.DialContext, run)
	}
	switch {
	case err == nil:
		return reply, nil
	case !sent:
		return nil, fmt.Errorf("redis: connect: %w", s.redact.Error(withoutQuotes(err)))
	default:
		return nil, fmt.Errorf("redis: %s: %w", command, s.redact.Error(withoutQuotes(err)))
	}
}

// attempt runs an exchange on the connection that connect gives. sent reports
// whether the server may have received something of it.
func attempt(ctx context.Context, connect func(context.Context) (redis.Conn, error), run exchange) (reply any, sent bool, err error) {
	c, err := connect(ctx)
	if err != nil {
		return nil, false, err
	}
	defer c.Close()
	reply, err = run(ctx, c)
	return reply, true, err
}

// isDemoted reports whether the server refuses to write because it is a replica.
// After a failover the name of a managed server leads to another machine, and only
// new connections find it.
func isDemoted(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && strings.Contains(string(reply), "READONLY")
}

// isBroken reports whether the connection failed, rather than the server answered
// with an error or nobody answered in time: a new connection may help.
func isBroken(ctx context.Context, err error) bool {
	var reply redis.Error
	var network net.Error
	return err != nil && ctx.Err() == nil && !errors.As(err, &reply) && !(errors.As(err, &network) && network.Timeout())
}

// secretsOf returns the address and the password in it.
func secretsOf(address secret.Text) []secret.Text {
	secrets := []secret.Text{address}
	if u, err := url.Parse(address.Reveal()); err == nil {
		password, _ := u.User.Password()
		secrets = append(secrets, secret.New(password))
	}
	return secrets
}

// withoutQuotes keeps of an error reply what stands before the first quote: a
// server that does not know a command quotes its arguments (Redis source,
// server.c, "unknown command"), which may be a password or a token.
func withoutQuotes(err error) error {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return err
	}
	text := string(reply)
	if i := strings.IndexAny(text, "'`\""); i >= 0 {
		text = strings.TrimSpace(text[:i]) + " …"
	}
	return errors.New("the server refuses: " + text)
}
