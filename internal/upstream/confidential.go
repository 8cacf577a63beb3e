package upstream

import (
	"net/url"
)

// IsConfidential reports whether requests to u may carry secrets: over https, or over
// http to this computer (see [IsThisComputer]).
func IsConfidential(u *url.URL) bool {
	return u.Hostname() != "" && (u.Scheme == "https" || u.Scheme == "http" && IsThisComputer(u.Host))
}

// IsEndpoint reports whether text is the base address of a service: confidential,
// without user information and without a query.
func IsEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.User == nil && u.RawQuery == "" && !u.ForceQuery && IsConfidential(u)
}
