package platforms

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"sotercall/internal/adapter"
)

// healthTimeout bounds the wait of [CheckHealth]. It is shorter than the time-out of the
// image's HEALTHCHECK.
const healthTimeout = 2 * time.Second

// CheckHealth requests [adapter.HealthPath] from the server with the same HOST and PORT. It
// prints the first line of the response, or why there is none. It returns the exit status
// for a container's health check: 0 if the response is 200, 1 otherwise.
func CheckHealth(stdout io.Writer) int {
	status, said := askHealth(context.Background(), os.Getenv(hostVariable), os.Getenv(httpVariable))
	fmt.Fprintln(stdout, said)
	if status != http.StatusOK {
		return 1
	}
	return 0
}

// askHealth returns the status, and the first line of the response. Without a response the
// status is 0 and the line is the reason.
func askHealth(ctx context.Context, host, port string) (status int, line string) {
	if port == "" {
		return 0, httpVariable + " is not set: only a server on a port can be asked"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	url := "http://" + net.JoinHostPort(reachable(host), port) + adapter.HealthPath
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	// No proxy: it is this computer.
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	line, _ = bufio.NewReader(io.LimitReader(resp.Body, maxHeader)).ReadString('\n')
	return resp.StatusCode, cmp.Or(strings.TrimSpace(line), resp.Status)
}

// reachable returns an address of this computer at which a server of HOST listens.
func reachable(host string) string {
	ip := net.ParseIP(host)
	switch {
	case host != "" && (ip == nil || !ip.IsUnspecified()):
		return host
	case ip != nil && ip.To4() == nil:
		return "::1"
	}
	return "127.0.0.1"
}
