package wiring

import (
	"net/url"
	"strings"

	"sotercall/internal/upstream"
)

// CleartextHosts demands that each of hosts is a host or host:port, and none of WeChat's:
// WeChat is reached by https.
func (c *checker) CleartextHosts(name string, hosts []string) {
	for _, host := range hosts {
		u, err := url.Parse("http://" + host)
		ok := err == nil && u.Host == host && u.Hostname() != "" && !strings.ContainsAny(host, "*?#@ ")
		c.That(ok, name, "must be hosts, each with or without a port, such as token.internal or 10.0.3.7:8080, separated by commas")
		c.That(!ok || !isWeChats(u.Hostname()), name, "must not hold a host of WeChat's: WeChat is asked by https")
	}
}

// weChatDomains are where WeChat has its interface domain names (WeChat, "interface domain
// names").
var weChatDomains = []string{"weixin.qq.com", "wechat.com"}

// IsWeChats reports whether a host is in one of WeChat's domains.
func isWeChats(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, domain := range weChatDomains {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}

// Cleartext returns the hosts of bases that are reached in the clear and are not this
// machine.
func cleartextHosts(bases []*url.URL) (hosts []string) {
	for _, base := range bases {
		if base != nil && base.Scheme == "http" && !upstream.IsConfidential(base) {
			hosts = append(hosts, base.Host)
		}
	}
	return hosts
}
