// Package loopback keeps a server on a developer's computer to that computer.
// Listening on 127.0.0.1 is half of it. The other half is web pages: one that the
// developer happens to visit can send requests to loopback, under a foreign name
// that it made resolve to 127.0.0.1 (DNS rebinding), or across origins.
package loopback

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Host reports whether a host, with or without a port, is localhost or a loopback
// address. Other names are foreign, whatever they resolve to.
func Host(hostport string) bool {
	host, ok := hostOf(hostport)
	if !ok {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == "" && addr.Unmap().IsLoopback()
}

// hostOf returns the host of "host", "host:port", "address", "[address]" or
// "[address]:port", without brackets. A port is empty or a number up to 65535.
// [net.SplitHostPort] takes anything for a port, as the end of another name.
func hostOf(hostport string) (host string, ok bool) {
	if _, err := netip.ParseAddr(hostport); err == nil { // without brackets, as url.URL.Hostname has it
		return hostport, true
	}
	inner, isBracketed := strings.CutPrefix(hostport, "[")
	rest := ""
	if isBracketed {
		host, rest, ok = strings.Cut(inner, "]")
		if _, err := netip.ParseAddr(host); err != nil || !ok {
			return "", false
		}
	} else if i := strings.IndexByte(hostport, ':'); i >= 0 {
		host, rest = hostport[:i], hostport[i:]
	} else {
		host = hostport
	}
	return host, rest == "" || isPort(rest)
}

// isPort reports whether text is a colon and a port, which may be empty (RFC 3986,
// section 3.2.3).
func isPort(text string) bool {
	digits, ok := strings.CutPrefix(text, ":")
	if !ok || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	_, err := strconv.ParseUint(digits, 10, 16)
	return digits == "" || err == nil
}

// Listen is net.Listen for an address of this computer. Any other is an error.
func Listen(addr string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, err
	}
	if !Host(addr) {
		return nil, fmt.Errorf("%s: only an address of this computer, such as 127.0.0.1:9000", addr)
	}
	return net.Listen("tcp", addr)
}

// Only refuses requests that web pages of other sites make, with 403: those under
// a foreign name, which the Host header shows, and those across origins, which
// browsers show in Origin and Sec-Fetch-Site (Fetch Standard; Fetch Metadata
// Request Headers). Programs send neither.
func Only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !Host(r.Host) {
			refuse(w, "this server is reached through a loopback address or localhost only")
			return
		}
		serveOwn(next, w, r)
	})
}

// serveOwn serves what is no request of another web page.
func serveOwn(next http.Handler, w http.ResponseWriter, r *http.Request) {
	if !ownOrigin(r) {
		refuse(w, "this server takes no requests from other web pages")
		return
	}
	next.ServeHTTP(w, r)
}

func ownOrigin(r *http.Request) bool {
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return false
		}
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin" || site == "none"
}

func refuse(w http.ResponseWriter, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, message)
}
