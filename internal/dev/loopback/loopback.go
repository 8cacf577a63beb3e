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
	"slices"
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
//
// pages are paths that a link on another site may open as a page of its own. The other site
// cannot read such a page. Name none whose GET changes anything.
func Only(next http.Handler, pages ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !upstream.IsLoopback(r.Host) {
			refuse(w, "this server is reached through a loopback address or localhost only")
			return
		}
		serveOwn(next, pages, w, r)
	})
}

// serveOwn serves requests that are not from another web page, and the opening of pages.
func serveOwn(next http.Handler, pages []string, w http.ResponseWriter, r *http.Request) {
	if !ownOrigin(r) || !ownSite(r) && !opens(r, pages) {
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
	return true
}

func ownSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin" || site == "none"
}

// opens reports whether a browser opens one of pages in a window or tab. In a frame the
// destination is "iframe", and for an image or a script the mode is another.
func opens(r *http.Request, pages []string) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document" && slices.Contains(pages, r.URL.Path)
}

func refuse(w http.ResponseWriter, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, message)
}
