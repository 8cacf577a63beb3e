package redis

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"sotercall/internal/upstream"
)

const sentenceNotRedis = "the server at this address is not Redis: "

// notRedis says that the first bytes of a connection are not those of Redis.
type notRedis struct{ sentence string }

func (e *notRedis) Error() string { return e.sentence }

// foreign returns an error for bytes that begin no reply of Redis; nil if they may.
func foreign(first []byte) error {
	text := string(first)
	switch {
	case len(first) == 0, strings.IndexByte(kinds, first[0]) >= 0:
		return nil
	case strings.HasPrefix(text, "HTTP/"):
		return &notRedis{sentenceNotRedis + "it answers in HTTP"}
	// a SETTINGS frame (RFC 9113, section 3.4)
	case strings.HasPrefix(text, "\x00\x00") && len(first) > 3 && first[3] == 4:
		return &notRedis{sentenceNotRedis + "it answers in HTTP/2"}
	case strings.HasPrefix(text, "\x15\x03"): // an alert (RFC 8446, section 5.1)
		return &notRedis{"the server speaks TLS: the address begins with redis://, and should with rediss://"}
	}
	return &notRedis{sentenceNotRedis + "it answers in another protocol"}
}

// isReply reports whether err is an error reply of a server.
func isReply(err error) bool {
	_, ok := errors.AsType[redis.Error](err)
	return ok
}

// isWithoutMaster reports whether err may mean that there is no master at the moment, or
// that the new one does not accept commands yet.
func isWithoutMaster(err error) bool {
	_, unreachable := errors.AsType[*net.OpError](err)
	_, sentOn := redis.IsMovedError(err) // redirected between two servers
	return unreachable || sentOn || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) ||
		redis.IsReadOnlyError(err) || redis.IsClusterDownError(err) || redis.IsMasterDownError(err) || redis.IsLoadingError(err) ||
		strings.Contains(err.Error(), "all sentinels specified in configuration are unreachable")
}

// withoutQuotes cuts an error reply at the first quote. A server that does not know a
// command quotes its arguments (Redis source, server.c, "unknown command"), and one may be
// a password or a token.
func withoutQuotes(err error) error {
	reply, ok := errors.AsType[redis.Error](err)
	if !ok {
		return err
	}
	text := reply.Error()
	if i := strings.IndexAny(text, "'`\""); i >= 0 {
		text = strings.TrimSpace(text[:i]) + " …"
	}
	return errors.New("the server refuses: " + text)
}

// Hopeless returns why this address can never work, as far as the servers have said so;
// nil otherwise. A server that is unreachable, busy or full is not hopeless.
func (s *Server) Hopeless() error {
	if reason := s.hopeless.Load(); reason != nil {
		return errors.New(*reason)
	}
	return nil
}

// EvictionPolicy returns the setting maxmemory-policy of the server, or of one node of a
// Cluster: its policy for a full memory. Managed servers forbid CONFIG and allow INFO,
// which has it as well (Redis documentation, INFO).
func (s *Server) EvictionPolicy(ctx context.Context) (string, error) {
	reply, err := s.Do(ctx, "INFO", "memory")
	if err != nil {
		return "", err
	}
	text, _ := reply.(string)
	for line := range strings.Lines(text) {
		if policy, found := strings.CutPrefix(line, "maxmemory_policy:"); found {
			return strings.TrimSpace(policy), nil
		}
	}
	return "", nil
}

// probes are keys of different slots that are never written. Even a Cluster of two nodes is
// unlikely to have all of them on one.
const probes = 8

// Connect opens a connection for the first call, and checks whether the configuration can
// work: see [Server.Hopeless]. The error holds no secret.
func (s *Server) Connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answers, err := s.client.Pipelined(ctx, func(pipeline redis.Pipeliner) error {
		for n := range probes {
			pipeline.Get(ctx, "sotercall:probe:"+strconv.Itoa(n))
		}
		return nil
	})
	errs := []error{err} // of connecting, or the first failure
	for _, answer := range answers {
		errs = append(errs, answer.Err())
	}
	var failed error
	for _, err := range errs {
		// These keys may be forbidden when ours are not.
		if err != nil && err != redis.Nil && !redis.IsPermissionError(err) {
			s.note(err)
			failed = cmp.Or(failed, err)
		}
	}
	if failed == nil {
		return nil
	}
	return fmt.Errorf("redis: connect: %w", s.redact.Error(withoutQuotes(failed)))
}

// errNotOne says that a Cluster is configured as one server. It is sticky: the asked node
// has some of the keys, so some commands work.
const errNotOne = "the server is a node of a Redis Cluster: add ?is_cluster_mode=true to the address"

// note records what an error, or a success, shows of the configuration.
func (s *Server) note(err error) {
	reason := s.reasonOf(err)
	switch {
	case reason != "":
		s.hopeless.Store(&reason)
	case err == nil && s.hopeless.Load() != nil && *s.hopeless.Load() != errNotOne:
		s.hopeless.Store(nil)
	}
}

// reasonOf returns why no retry can fix an error; empty if one may.
func (s *Server) reasonOf(err error) string {
	if err == nil {
		return ""
	}
	if sentence := upstream.CertificateSentence(err); sentence != "" {
		return sentence
	}
	if foreign, ok := errors.AsType[*notRedis](err); ok {
		return foreign.sentence
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the server does not speak TLS: the address begins with rediss://, and should with redis://, or is not one of Redis"
	}
	// crypto/tls has no type for alert 120
	if strings.Contains(err.Error(), "tls: no application protocol") {
		return sentenceNotRedis + "it refuses a TLS connection without a protocol that it knows (ALPN), as HTTP/2 servers do"
	}
	reply, ok := errors.AsType[redis.Error](err)
	if !ok {
		return ""
	}
	if errors.Is(err, redis.Nil) {
		return "the Sentinels know no master of this master_name"
	}
	text := reply.Error()
	says := func(words ...string) bool {
		for _, word := range words {
			if strings.HasPrefix(text, word) {
				return true
			}
		}
		return false
	}
	switch {
	case s.cluster == nil && says("MOVED ", "ASK "):
		return errNotOne
	case says("CROSSSLOT"):
		return "the server answers CROSSSLOT: it is a Redis Cluster behind something that hides it"
	case says("NOAUTH"):
		return "the server asks for a password (NOAUTH)"
	case says("WRONGPASS", "ERR invalid password", "ERR AUTH", "ERR Client sent AUTH"):
		return "the server refuses the user or the password (" + strings.Fields(text)[0] + ")"
	case says("NOPERM"):
		return "the user may not run scripts on keys that begin with sotercall: (NOPERM)"
	case says("ERR This instance has cluster support disabled"):
		return "the server is not part of a Redis Cluster: leave addr and is_cluster_mode away"
	case says("ERR DB index is out of range", "ERR SELECT is not allowed in cluster mode"):
		return "the server has no such database"
	}
	return ""
}
