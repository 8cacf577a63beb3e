package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"syscall"
)

// What a reply may declare. The largest that our scripts get is one state of a token,
// of some kilobytes; CLUSTER SLOTS has up to 16,384 ranges of a dozen elements.
const (
	maxLine     = 64 << 10
	maxBulk     = 8 << 20
	maxElements = 1 << 18
	maxDepth    = 8
)

var errReply = errors.New("the server's reply is not one of Redis, or too large")

// dial opens a connection whose replies are bounded. go-redis makes room for as much as
// a reply declares, before it has come.
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
// dialed. Where a Cluster or a Sentinel names an IP address, it must be for the host name
// in REDIS_URL.
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
	replies replies
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if scanErr := b.replies.scan(p[:n]); scanErr != nil {
		return 0, scanErr
	}
	return n, err
}

// SyscallConn is how go-redis sees, before it uses an idle connection, whether the server
// has hung up. With TLS too, where whatever came unasked means the same.
func (b *bounded) SyscallConn() (syscall.RawConn, error) {
	if b.raw == nil {
		return nil, errors.New("not a connection of the operating system")
	}
	return b.raw.SyscallConn()
}

// replies follows a stream of replies in RESP, RESP3 included (Redis serialization
// protocol specification), wherever it is cut into pieces.
type replies struct {
	line []byte // begun: its type and, of a length, the digits
	size int    // of the line so far
	skip int    // how much is left of a bulk string and its end of line
	left []int  // how many elements are left, of each array that is open
	sum  int    // elements and bytes that this reply has declared so far
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
		c := p[0]
		p = p[1:]
		if c != '\n' {
			if len(r.line) < 32 {
				r.line = append(r.line, c)
			}
			if r.size++; r.size > maxLine {
				return errReply
			}
			continue
		}
		if err := r.header(); err != nil {
			return err
		}
		r.line, r.size = r.line[:0], 0
	}
	return nil
}

// header takes the line that has ended.
func (r *replies) header() error {
	if len(r.line) == 0 {
		return errReply
	}
	switch kind := r.line[0]; kind {
	case '+', '-', ':', '_', ',', '#', '(':
		r.element()
		return nil
	case '$', '!', '=', '*', '~', '>', '%', '|':
		return r.length(kind)
	}
	return errReply
}

// length takes the length of a bulk string, or of an array and its like.
func (r *replies) length(kind byte) error {
	text := r.line[1:]
	if len(text) == 0 || text[len(text)-1] != '\r' {
		return errReply
	}
	n, err := strconv.ParseInt(string(text[:len(text)-1]), 10, 64)
	switch {
	case err != nil || n < -1:
		return errReply
	case n == -1:
		r.element()
		return nil
	case kind == '$' || kind == '!' || kind == '=':
		if n > maxBulk || r.sum+int(n) > maxBulk {
			return errReply
		}
		r.sum += int(n)
		r.skip = int(n) + 2
		return nil
	}
	if n > maxElements || len(r.left) == maxDepth {
		return errReply
	}
	// One element counts as much as it takes in memory, about.
	if r.sum += 16 * int(n); r.sum > maxBulk {
		return errReply
	}
	if kind == '%' || kind == '|' {
		n *= 2
	}
	if kind == '|' { // it comes before the reply, and is no element
		n++
	}
	if n == 0 {
		r.element()
		return nil
	}
	r.left = append(r.left, int(n))
	return nil
}

// element has an element end, and every array whose last one it was.
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
