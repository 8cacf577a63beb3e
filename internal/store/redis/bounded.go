package redis

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// Limits of what a reply may declare. Our scripts' largest reply is the state of a token,
// some kilobytes. CLUSTER SLOTS has up to 16,384 ranges of a dozen elements.
const (
	maxLine  = 64 << 10 // bytes of a line
	maxReply = 8 << 20  // approximate size of a whole reply in memory
	maxDepth = 8        // nested arrays
)

var errReply = errors.New("the server's reply is not one of Redis, or too large")

// kinds are the first bytes of replies.
const (
	lineKinds = "+-:_,#("
	sizeKinds = "$!=*~>%|"
	kinds     = lineKinds + sizeKinds
)

// dial opens a connection with bounded replies. go-redis allocates as much as a reply
// declares, before it has come.
func dial(ctx context.Context, network, address string, config *tls.Config) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	raw, _ := c.(syscall.Conn)
	if config != nil {
		secured := tls.Client(c, configFor(config, address))
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			return nil, err
		}
		c = secured
	}
	return &bounded{Conn: c, raw: raw}, nil
}

// configFor returns config for one server. Its certificate must be for the host that is
// dialled. If a Cluster or a Sentinel names an IP address, it must be for the host name in
// REDIS_URL.
func configFor(config *tls.Config, address string) *tls.Config {
	host, _, _ := net.SplitHostPort(address)
	if config.ServerName == "" || net.ParseIP(host) == nil {
		config = config.Clone()
		config.ServerName = host
	}
	return config
}

// bounded is a connection that fails once a reply declares more than the limits above.
type bounded struct {
	net.Conn
	raw     syscall.Conn
	begun   bool
	replies replies
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if n > 0 && !b.begun {
		b.begun = true
		if err := foreign(p[:n]); err != nil {
			return 0, err
		}
	}
	if scanErr := b.replies.scan(p[:n]); scanErr != nil {
		return 0, scanErr
	}
	return n, err
}

// SyscallConn lets go-redis see, before it uses an idle connection, whether the server has
// hung up. With TLS as well: unexpected bytes there mean the same.
func (b *bounded) SyscallConn() (syscall.RawConn, error) {
	if b.raw == nil {
		return nil, errors.New("not a connection of the operating system")
	}
	return b.raw.SyscallConn()
}

// replies follows a stream of replies in RESP (Redis serialization protocol specification),
// in pieces of any size. It includes RESP3, which go-redis speaks to Sentinels, whatever
// Protocol says.
type replies struct {
	line []byte // the begun line
	skip int    // the rest of a bulk string and its end of line, in bytes
	left []int  // the missing elements of each open array
	sum  int    // the bytes that this reply has declared so far
}

func (r *replies) scan(p []byte) error {
	for len(p) > 0 {
		if r.skip > 0 {
			n := min(r.skip, len(p))
			r.skip -= n
			p = p[n:]
			if r.skip == 0 {
				r.element()
			}
			continue
		}
		line, rest, ended := bytes.Cut(p, []byte("\n"))
		if len(r.line)+len(line) > maxLine {
			return errReply
		}
		r.line, p = append(r.line, line...), rest
		if ended {
			if err := r.header(); err != nil {
				return err
			}
			r.line = r.line[:0]
		}
	}
	return nil
}

// header handles a complete line.
func (r *replies) header() error {
	text, whole := strings.CutSuffix(string(r.line), "\r")
	if !whole || text == "" {
		return errReply
	}
	kind := text[0]
	switch {
	case strings.IndexByte(lineKinds, kind) >= 0:
		r.element()
		return nil
	case strings.IndexByte(sizeKinds, kind) < 0:
		return errReply
	}
	n, err := strconv.Atoi(text[1:])
	if err != nil || n < -1 || n > maxReply {
		return errReply
	}
	isString := strings.IndexByte("$!=", kind) >= 0
	switch {
	case kind == '%':
		n *= 2
	case kind == '|': // an attribute comes before the reply, and is no element
		n = 2*n + 1
	}
	switch {
	case n < 0 || n == 0 && !isString:
		r.element()
	case isString:
		r.sum += n
		r.skip = n + 2
	case len(r.left) == maxDepth:
		return errReply
	default:
		r.sum += 16 * n
		r.left = append(r.left, n)
	}
	if r.sum > maxReply {
		return errReply
	}
	return nil
}

// element ends an element, and every array that it completes.
func (r *replies) element() {
	for len(r.left) > 0 {
		last := len(r.left) - 1
		if r.left[last]--; r.left[last] > 0 {
			return
		}
		r.left = r.left[:last]
	}
	r.sum = 0
}
