package upstream

import (
	"net/netip"
	"strconv"
	"strings"
)

// IsLoopback reports whether a host, with or without a port, is localhost or a loopback
// address. Other names are foreign, whatever they resolve to.
func IsLoopback(hostport string) bool {
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
// [net.SplitHostPort] accepts any text as a port, even the end of another name.
func hostOf(hostport string) (host string, ok bool) {
	// without brackets, as in url.URL.Hostname
	if _, err := netip.ParseAddr(hostport); err == nil {
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

// DockerHost is the name of the host computer inside a container. Docker Desktop always has
// it. On Linux it needs --add-host host.docker.internal:host-gateway (Docker, "docker
// run").
const DockerHost = "host.docker.internal"

// IsThisComputer reports whether a host, with or without a port, is this computer. That is
// a loopback address (see [IsLoopback]), or the name that containers have for it.
func IsThisComputer(hostport string) bool { return IsLoopback(hostport) || isDockerHost(hostport) }

func isDockerHost(hostport string) bool {
	host, ok := hostOf(hostport)
	return ok && strings.EqualFold(host, DockerHost)
}
