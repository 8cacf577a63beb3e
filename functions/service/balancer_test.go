package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// balancer stands in front of instances as a Service of Kubernetes does: a new
// connection goes to an instance whose /healthz says that it is ready, and stays
// with it. It knows nothing of requests.
type balancer struct {
	url     string
	probing chan struct{} // closed at the end

	mu        sync.Mutex
	ready     []string // addresses; guarded by mu
	next      int      // guarded by mu
	instances sync.WaitGroup
}

// probePeriod is how often an instance is asked: periodSeconds of a readiness probe
// is ten times as long.
const probePeriod = 100 * time.Millisecond

func startBalancer(t *testing.T) *balancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &balancer{url: "http://" + listener.Addr().String() + "/", probing: make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { b.pass(client) })
		}
	})
	t.Cleanup(func() {
		close(b.probing)
		listener.Close()
		b.instances.Wait()
		serving.Wait()
	})
	return b
}

// add puts an instance behind the port, which is ready now, and takes it away when
// it is no more. Like a balancer with a failure threshold, it does not mind one slow answer.
func (b *balancer) add(url string) {
	address := strings.TrimPrefix(url, "http://")
	b.mu.Lock()
	b.ready = append(b.ready, address)
	b.mu.Unlock()
	b.instances.Go(func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
		for {
			select {
			case <-b.probing:
				return
			case <-time.After(probePeriod):
			}
			resp, err := client.Get(url + "/healthz")
			if err == nil {
				resp.Body.Close()
			}
			if err != nil || resp.StatusCode != http.StatusOK {
				b.remove(address)
				return
			}
		}
	})
}

func (b *balancer) remove(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var left []string
	for _, a := range b.ready {
		if a != address {
			left = append(left, a)
		}
	}
	b.ready = left
}

func (b *balancer) pick() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) == 0 {
		return ""
	}
	b.next++
	return b.ready[b.next%len(b.ready)]
}

// pass copies both ways until one side ends. What the instance breaks is broken for
// the client.
func (b *balancer) pass(client net.Conn) {
	defer client.Close()
	instance, err := net.Dial("tcp", b.pick())
	if err != nil {
		return
	}
	defer instance.Close()
	go func() {
		_, _ = io.Copy(instance, client)
		_ = instance.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, instance)
}
