package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// muteAfter is how long after the first bytes went out an address counts as mute
	// if nothing has come back.
	muteAfter = 150 * time.Millisecond
	// muteFor is how long a mute address is dialled after the others of its name.
	muteFor = time.Minute
	// dialStagger is how long one address is waited for until the next is dialled
	// beside it (RFC 8305, section 5, recommends 250 ms; net.Dialer takes 300 ms).
	dialStagger = 300 * time.Millisecond

	// lookupTimeout bounds a lookup. It goes on when the call that began it has ended,
	// so that the next call has its result.
	lookupTimeout = 20 * time.Second
	// lookupPatience is how long a lookup is waited for if an earlier result is known.
	lookupPatience = 250 * time.Millisecond
	// maxStale is how long an earlier result may stand in for a lookup that is slow or
	// fails (RFC 8767, section 5, allows up to days). TLS checks who answers.
	maxStale = time.Hour
)

// dialer connects to names. It differs from a [net.Dialer] in two ways. An address
// that accepts connections and then carries nothing back, as one behind a path with
// a small MTU does, is dialled last for a while. A name server that is slow or fails
// costs nothing while an earlier result is known. It may be used concurrently.
type dialer struct {
	net    net.Dialer
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	now    func() time.Time
	life   *Life // bounds lookups and dials

	mu    sync.Mutex
	owing map[string]time.Time // since when an address owes its first bytes
	names map[string]*name
}

// name is what is known of a host name.
type name struct {
	addresses []netip.Addr  // of the last lookup that succeeded
	at        time.Time     // when that was
	lookup    chan struct{} // closed when the lookup under way ends; nil if there is none
	err       error         // of the last lookup
}

func newDialer(now func() time.Time) *dialer {
	return &dialer{
		net: net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}, // as http.DefaultTransport
		lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		now: now, owing: make(map[string]time.Time), names: make(map[string]*name),
	}
}

// dial connects to address, whose host may be a name.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := d.life.Bound(ctx)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return d.net.DialContext(ctx, network, address)
	}
	found, err := d.resolve(ctx, host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	addresses := make([]string, len(found))
	for i, ip := range found {
		addresses[i] = net.JoinHostPort(ip.Unmap().String(), port)
	}
	return d.dialOneOf(ctx, network, d.inOrder(addresses))
}

// resolve returns the addresses of a host.
func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	d.mu.Lock()
	n := d.names[host]
	if n == nil {
		n = new(name)
		d.names[host] = n
	}
	if n.lookup == nil {
		n.lookup = make(chan struct{})
		d.life.Beside(ctx, lookupTimeout, func(ctx context.Context) { d.lookUp(ctx, host, n) })
	}
	done, known := n.lookup, d.stale(n)
	d.mu.Unlock()

	var patience <-chan time.Time
	if known != nil {
		patience = time.After(lookupPatience)
	}
	select {
	case <-done:
	case <-patience:
		return known, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var dns *net.DNSError
	if n.err == nil || known != nil && !(errors.As(n.err, &dns) && dns.IsNotFound) {
		return n.addresses, nil
	}
	return nil, n.err
}

// lookUp looks a host up.
func (d *dialer) lookUp(ctx context.Context, host string, n *name) {
	addresses, err := d.lookup(ctx, host)
	d.mu.Lock()
	defer d.mu.Unlock()
	close(n.lookup)
	n.lookup, n.err = nil, err
	if err == nil {
		n.addresses, n.at = addresses, d.now()
	}
}

// stale returns the addresses of an earlier lookup, if they are not too old. d.mu is
// held.
func (d *dialer) stale(n *name) []netip.Addr {
	if d.now().Sub(n.at).Abs() > maxStale {
		return nil
	}
	return n.addresses
}

// inOrder puts the mute addresses last.
func (d *dialer) inOrder(addresses []string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	isMute := func(address string) bool {
		since, owes := d.owing[address]
		return owes && now.Sub(since) >= muteAfter && now.Sub(since) < muteFor
	}
	return slices.Concat(
		slices.DeleteFunc(slices.Clone(addresses), isMute),
		slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return !isMute(a) }),
	)
}

// dialOneOf returns the first connection that one of the addresses accepts. They are
// dialled in their order, the next as soon as one has failed or takes long.
func (d *dialer) dialOneOf(ctx context.Context, network string, addresses []string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result, len(addresses))
	stagger := time.NewTimer(0)
	defer stagger.Stop()
	var first error
	for running := 0; running > 0 || len(addresses) > 0; {
		select {
		case <-stagger.C:
			if len(addresses) == 0 {
				continue
			}
			address := addresses[0]
			addresses = addresses[1:]
			running++
			go func() {
				c, err := d.net.DialContext(ctx, network, address)
				results <- result{&conn{Conn: c, dialer: d, address: address}, err}
			}()
			stagger.Reset(dialStagger)
		case r := <-results:
			running--
			if r.err == nil {
				go func() {
					for range running {
						if late := <-results; late.err == nil {
							late.conn.Close()
						}
					}
				}()
				return r.conn, nil
			}
			if first == nil {
				first = r.err
			}
			stagger.Reset(0)
		}
	}
	return nil, first
}

// conn is a connection that tells its dialer whether the address answers.
type conn struct {
	net.Conn
	dialer       *dialer
	address      string
	wrote, heard atomic.Bool
}

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) {
	if !c.wrote.Swap(true) {
		c.dialer.owes(c.address)
	}
	return c.Conn.Write(p)
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.heard.Swap(true) {
		c.dialer.paid(c.address)
	}
	return n, err
}

// owes notes that the first bytes have gone to an address.
func (d *dialer) owes(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if since, owes := d.owing[address]; !owes || now.Sub(since).Abs() >= muteFor {
		d.owing[address] = now
	}
}

// paid notes that an address has answered.
func (d *dialer) paid(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.owing, address)
}
