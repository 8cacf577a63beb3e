package function

import (
	"errors"
	"log/slog"
)

// Metrics counts what a [Host] does, and serves the figures if the function serves a
// port.
type Metrics interface {
	// Serve begins to serve the figures. stop ends that. The error names the variable that
	// cannot be used.
	Serve(of Status) (stop func(), err error)
	// Invocation is called with the line of each invocation, whatever LOG_LEVEL is.
	Invocation(line slog.Record)
}

// Status is the state of a [Host] that [Metrics] may read.
type Status interface {
	// LogDropped returns how many log lines were lost since the process started.
	LogDropped() int
	// Notices returns what an operator should know although the function works.
	Notices() []string
}

// MetricsVariable names the port of the metrics; docs/configuration.md explains it.
const MetricsVariable = "METRICS_PORT"

// Option changes what [Main] hosts.
type Option func(h *Host)

// WithMetrics makes a Host report each invocation to m, and serve m.
func WithMetrics(m Metrics) Option { return func(h *Host) { h.metrics = m } }

// Accompany implements [adapter.Function]: it serves the metrics, if there are any.
func (h *Host) Accompany() (stop func(), err error) {
	if h.metrics == nil {
		return func() {}, nil
	}
	h.served = true
	return h.metrics.Serve(h)
}

// checkMetrics refuses METRICS_PORT if the program has no metrics.
func (h *Host) checkMetrics() error {
	if h.environment[MetricsVariable] == "" || h.served {
		return nil
	}
	return errors.New(MetricsVariable + " is only for functions/service behind PORT: elsewhere the figures are in the log lines")
}
