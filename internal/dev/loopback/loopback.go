// Package loopback makes a server on a developer's computer private to that computer.
// Listening on 127.0.0.1 is half of it. The other half is web pages. Any page that the
// developer visits can send requests to loopback: under a foreign name that resolves to
// 127.0.0.1 (DNS rebinding), or across origins.
package loopback

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"sotercall/internal/upstream"
)

// Listen is net.Listen for an address of this computer. Any other is an error.
func Listen(addr string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, err
	}
	if !upstream.IsLoopback(addr) {
		return nil, fmt.Errorf("%s: only an address of this computer, such as 127.0.0.1:9000", addr)
	}
	return net.Listen("tcp", addr)
}

// Only refuses requests from web pages of other sites, with 403. If a page reaches this
// server by a name of its own, the Host header has that name. For other requests across
// origins, browsers set Origin and Sec-Fetch-Site (Fetch Standard; Fetch Metadata Request
// Headers). Programs send neither.
func Only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !upstream.IsLoopback(r.Host) {
			refuse(w, "this server is reached through a loopback address or localhost only")
			return
		}
		serveOwn(next, w, r)
	})
}

// serveOwn serves requests that are not from another web page.
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
