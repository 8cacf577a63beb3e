package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sotercall/internal/function"
)

// Path is the path of the figures.
const Path = "/metrics"

const (
	// scrapeTimeout bounds one scrape. Prometheus waits for 10 seconds by default.
	scrapeTimeout = 10 * time.Second
	// maxScrapes bounds the concurrent scrapes: two redundant servers, and a person.
	maxScrapes = 4
)

var errAddress = errors.New(function.MetricsVariable + " must be a port such as 9464, on 127.0.0.1, or an address with a port such as 0.0.0.0:9464")

// address reads the variable of the metrics' address. port is that of the function, PORT.
func address(text, port string) (string, error) {
	host := "127.0.0.1"
	if given, behind, err := net.SplitHostPort(text); err == nil {
		host, text = given, behind
		if host != "localhost" && net.ParseIP(host) == nil {
			return "", errAddress
		}
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		return "", errAddress
	}
	if functions, err := net.LookupPort("tcp", port); err == nil && uint64(functions) == number {
		return "", errors.New(function.MetricsVariable + " must be another port than PORT")
	}
	return net.JoinHostPort(host, strconv.FormatUint(number, 10)), nil
}

// Serve implements [function.Metrics]: it serves the figures at [Path] of the address that
// METRICS_PORT names.
func (m *Metrics) Serve(of function.Status) (stop func(), err error) {
	at, err := address(os.Getenv(function.MetricsVariable), os.Getenv("PORT"))
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", function.MetricsVariable, err)
	}
	server := &http.Server{
		Handler: m.Handler(of), ReadTimeout: scrapeTimeout, WriteTimeout: 2 * scrapeTimeout, MaxHeaderBytes: 16 << 10,
	}
	go func() { _ = server.Serve(listener) }() // until stop
	return func() { _ = server.Close() }, nil
}

// Handler returns the HTTP handler of the figures, with those of a process. Call it once.
func (m *Metrics) Handler(of function.Status) http.Handler {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "sotercall_log_lines_dropped_total",
		Help: "Log lines that were lost because nobody read the log (log_dropped in the log)."},
		func() float64 { return float64(of.LogDropped()) }))
	figures := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout})
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, func(w http.ResponseWriter, r *http.Request) {
		of.Notices() // this also checks the files of a function without calls
		figures.ServeHTTP(w, r)
	})
	return mux
}
