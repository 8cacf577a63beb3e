package wiring

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCleartextHosts(t *testing.T) {
	for _, host := range []string{"sotercall-token", "10.0.3.7:8080", "token.svc.cluster.local", "[fd00::7]:8080", "qq.com.example"} {
		var c checker
		c.CleartextHosts("HOSTS", []string{host})
		assert.NoError(t, c.Err(), host)
	}
	for _, host := range []string{"", "http://token", "token/", "*", "10.0.*", "a b", "user@token", "token:port"} {
		var c checker
		c.CleartextHosts("HOSTS", []string{"fine", host})
		assert.ErrorContains(t, c.Err(), "HOSTS must be hosts", host)
	}
	for _, host := range []string{"api.weixin.qq.com", "API.weixin.qq.com.:80", "weixin.qq.com", "api.wechat.com"} {
		var c checker
		c.CleartextHosts("HOSTS", []string{host})
		assert.EqualError(t, c.Err(), "HOSTS must not hold a host of WeChat's: WeChat is asked by https", host)
	}
}

// A host without a port stands for all its ports, one with a port for that port.
func TestOnlyNamedHostsAreReachedInTheClear(t *testing.T) {
	named := []string{"sotercall-token", "10.0.3.7:8080"}
	for address, ok := range map[string]bool{
		"http://sotercall-token": true, "http://sotercall-token:8080/base": true, "http://10.0.3.7:8080": true, "http://127.0.0.1:9000": true,
		"http://10.0.3.7": false, "http://10.0.3.7:8081": false, "http://10.0.3.8:8080": false, "http://sotercall-token.example": false,
		"http://x.sotercall-token": false, "ftp://sotercall-token": false, "http://": false,
	} {
		var c checker
		base := c.Address("C", address, named...)
		assert.Equal(t, ok, c.Err() == nil, address)
		if ok {
			assert.Equal(t, base.Hostname() != "127.0.0.1", len(cleartextHosts([]*url.URL{base})) == 1, address)
		}
	}
}
