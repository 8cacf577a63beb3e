package upstream_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/upstream"
)

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost:9000": true, "127.0.0.1": true, "127.0.0.1:9000": true, "127.8.9.10:1": true,
		"[::1]:9000": true, "[::1]": true, "::1": true, "[::ffff:127.0.0.1]:9000": true,
		"": false, ":9000": false, "0.0.0.0:9000": false, "[::]:9000": false, "192.0.2.1": false, "example.com": false,
		"localhost.example.com": false, "127.0.0.1.example.com:9000": false, "2130706433": false, "0x7f.1": false,
		"localhost:": true, "[::1]:": true, "127.0.0.1:65535": true,
		"127.0.0.1:80.evil.example": false, "127.0.0.1:80:90": false, "localhost:80.evil.example": false, "localhost:http": false,
		"127.0.0.1:65536": false, "127.0.0.1:+80": false, "localhost:-1": false,
		"[::1%x].evil.example": false, "[::1].evil.example": false, "[::1]80": false, "[::1": false, "::1]": false, "[::1%lo]": false,
		"::1%x].evil.example": false, "[localhost]": false, "[127.0.0.1": false, "[[::1]]": false, "localhost.": false, " localhost": false,
		"rebound.test:9000": false, "host.docker.internal:9000": false,
	} {
		assert.Equal(t, want, upstream.IsLoopback(host), host)
	}
}

func TestIsThisComputer(t *testing.T) {
	for host, want := range map[string]bool{
		"host.docker.internal": true, "HOST.docker.internal:9000": true, "127.0.0.1:9000": true, "localhost": true,
		"host.docker.internal.evil.test": false, "docker.internal": false, "172.17.0.1:9000": false, "": false,
	} {
		assert.Equal(t, want, upstream.IsThisComputer(host), host)
	}
}
