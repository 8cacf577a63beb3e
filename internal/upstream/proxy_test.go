package upstream_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/upstream"
)

func TestProxiesThatCannotBeReadAreRefused(t *testing.T) {
	for _, text := range []string{"", "http://proxy:3128", "http://proxy:3128/", "https://user:hush@proxy", "socks5://[::1]:1080", "proxy:3128", "10.0.0.1:80"} {
		assert.NoError(t, upstream.CheckProxy(map[string]string{"HTTPS_PROXY": text, "https_proxy": text}), text)
	}
	for _, text := range []string{"http://", "http://user:hush@pro xy:1", "ftp://hush", "http://hush:port", "http://[::1", "htp://hush:3128", "http://proxy/hush", " http://hush:3128", "http://hush:3128\n"} {
		assert.EqualError(t, upstream.CheckProxy(map[string]string{"https_proxy": text}),
			"https_proxy must be the address of a proxy, such as http://proxy.internal:3128", text)
	}
}
