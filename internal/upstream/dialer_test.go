package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// twoAddresses are a listener that accepts and says nothing, a server that answers, at
// two addresses with one port, and the addresses.
func twoAddresses(t *testing.T) (mute net.Listener, server *httptest.Server, addresses []netip.Addr) {
	t.Helper()
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	t.Cleanup(server.Close)
	at := netip.MustParseAddrPort(server.Listener.Addr().String())
	for _, other := range []string{"::1", "127.0.0.2"} { // another family, or another address of the same
		address := netip.MustParseAddr(other)
		mute, err := net.Listen("tcp", netip.AddrPortFrom(address, at.Port()).String())
		if err == nil {
			t.Cleanup(func() { _ = mute.Close() })
			return mute, server, []netip.Addr{address, at.Addr()}
		}
	}
	t.Skip("this machine has one loopback address")
	return nil, nil, nil
}

// The first address of a name connects and carries nothing back. The second request
// goes to the other one, and so do those that follow; after a while the first is tried
// again.
func TestMuteAddressIsDialledLast(t *testing.T) {
	mute, server, addresses := twoAddresses(t)
	var accepted atomic.Int32
	go func() {
		for {
			connection, err := mute.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			t.Cleanup(func() { _ = connection.Close() })
		}
	}()
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()) }
	transport, d := NewTransport(30*time.Second, now), newDialer(now)
	d.lookup = func(context.Context, string) ([]netip.Addr, error) { return addresses, nil }
	transport.DialContext = d.dial
	client := New(transport, now)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	send := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.test:"+port, nil)
		require.NoError(t, err)
		_, err = client.Send(req)
		return err
	}
	require.ErrorIs(t, send(100*time.Millisecond), context.DeadlineExceeded, "the twin: the first is mute")
	clock.Add(int64(muteAfter))
	for range 3 {
		require.NoError(t, send(time.Minute))
		client.CloseIdle()
	}
	assert.EqualValues(t, 1, accepted.Load(), "connections to the mute one")
	clock.Add(int64(muteFor))
	require.ErrorIs(t, send(100*time.Millisecond), context.DeadlineExceeded, "it is tried again")

	server.Close()
	clock.Add(int64(muteAfter))
	require.ErrorIs(t, send(100*time.Millisecond), context.DeadlineExceeded, "a mute address is better than none")
}

// An address that refuses is passed over, and the error of the first is returned if all do.
func TestNextAddressIsDialled(t *testing.T) {
	mute, server, addresses := twoAddresses(t)
	require.NoError(t, mute.Close())
	d := newDialer(time.Now)
	d.lookup = func(context.Context, string) ([]netip.Addr, error) { return addresses, nil }
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	connection, err := d.dial(t.Context(), "tcp", "api.test:"+port)
	require.NoError(t, err)
	assert.Equal(t, server.Listener.Addr(), connection.RemoteAddr())
	require.NoError(t, connection.Close())
	server.Close()
	_, err = d.dial(t.Context(), "tcp", "api.test:"+port)
	var refused *net.OpError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, addresses[0].String(), refused.Addr.(*net.TCPAddr).AddrPort().Addr().String())
}

// A name server answers after 5 s, and calls have 3: those that begin before it has
// answered once are lost, and no other.
func TestSlowNameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type answer struct {
			after time.Duration
			err   error
		}
		const slow = 5 * time.Second
		var server atomic.Pointer[answer]
		server.Store(&answer{slow, nil})
		var lookups atomic.Int32
		found := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		d := newDialer(time.Now)
		d.lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) {
			lookups.Add(1)
			says := server.Load()
			select {
			case <-time.After(says.after):
				return found, says.err
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		resolve := func() (took time.Duration, err error) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			began := time.Now()
			got, err := d.resolve(ctx, "api.test")
			if err == nil {
				assert.Equal(t, found, got)
			}
			return time.Since(began), err
		}
		_, err := resolve()
		require.ErrorIs(t, err, context.DeadlineExceeded, "nobody has an address yet")
		took, err := resolve()
		require.NoError(t, err)
		assert.Equal(t, 2*time.Second, took, "the lookup of the first has gone on")
		assert.EqualValues(t, 1, lookups.Load())
		for range 10 {
			took, err = resolve()
			require.NoError(t, err)
			assert.Equal(t, lookupPatience, took, "an earlier result stands in")
		}
		time.Sleep(slow)
		server.Store(&answer{slow, errors.New("SERVFAIL")})
		_, err = resolve()
		require.NoError(t, err)
		time.Sleep(slow)
		gone := &net.DNSError{Err: "no such host", IsNotFound: true}
		server.Store(&answer{0, gone})
		_, err = resolve()
		require.ErrorIs(t, err, gone, "a name that is gone is gone")

		failed := errors.New("SERVFAIL")
		server.Store(&answer{0, failed})
		time.Sleep(maxStale + time.Minute)
		_, err = resolve()
		require.ErrorIs(t, err, failed, "an old result is none")
		server.Store(&answer{0, nil})
		took, err = resolve()
		require.NoError(t, err, "the twin")
		assert.Zero(t, took)
	})
}
