package upstream

import (
	"net/url"

	"sotercall/internal/dev/loopback"
)

// IsConfidential reports whether requests to u may carry secrets: over https, or over
// http to this computer (see [loopback.Near]).
func IsConfidential(u *url.URL) bool {
	return u.Hostname() != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback.Near(u.Host))
}

// IsEndpoint reports whether text is the base address of a service: confidential,
// without user information and without a query.
func IsEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.User == nil && u.RawQuery == "" && !u.ForceQuery && IsConfidential(u)
}
