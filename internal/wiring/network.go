package wiring

import (
	"net/url"
	"strings"

	"sotercall/internal/upstream"
)

// CleartextHosts demands that each of hosts is a host or host:port, and none of WeChat's:
// WeChat needs https.
func (c *checker) CleartextHosts(name string, hosts []string) {
	for _, host := range hosts {
		u, err := url.Parse("http://" + host)
		ok := err == nil && u.Host == host && u.Hostname() != "" && !strings.ContainsAny(host, "*?#@ ")
		c.That(ok, name, "must be hosts, each with or without a port, such as token.internal or 10.0.3.7:8080, separated by commas")
		c.That(!ok || !isWeChatHost(u.Hostname()), name, "must not hold a host of WeChat's: WeChat is asked by https")
	}
}

// weChatDomains are the domains of WeChat's APIs (WeChat, "interface domain names").
var weChatDomains = []string{"weixin.qq.com", "wechat.com"}

// isWeChatHost reports whether a host is in one of WeChat's domains.
func isWeChatHost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, domain := range weChatDomains {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}

// cleartextHosts returns the hosts of bases with http that are not this machine.
func cleartextHosts(bases []*url.URL) (hosts []string) {
	for _, base := range bases {
		if base != nil && base.Scheme == "http" && !upstream.IsConfidential(base) {
			hosts = append(hosts, base.Host)
		}
	}
	return hosts
}
