package function

import (
	"log/slog"
	"time"
)

// namespace is where CloudWatch keeps the metrics of all functions.
const namespace = "sotercall"

type metric struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

// measured are the figures of a line that become metrics, where they are present.
var measured = []metric{
	{"total_ms", "Milliseconds"}, {"token_ms", "Milliseconds"}, {"upstream_ms", "Milliseconds"}, {"upstream_attempts", "Count"},
}

type directive struct {
	Namespace  string     `json:"Namespace"`
	Dimensions [][]string `json:"Dimensions"`
	Metrics    []metric   `json:"Metrics"`
}

type embedded struct {
	Timestamp         int64       `json:"Timestamp"`
	CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
}

// metrics says which figures of a log line CloudWatch takes as metrics
// (CloudWatch, "Embedded metric format specification"). Its dimensions are few:
// the function, and the function with the code of its answer. Each value of a
// dimension is a metric to pay for, so that nothing of a user is among them.
func metrics(attrs []slog.Attr, at time.Time) slog.Attr {
	present := map[string]bool{}
	for _, a := range attrs {
		present[a.Key] = true
	}
	d := directive{Namespace: namespace, Dimensions: [][]string{{"function"}}}
	if present["outcome"] {
		d.Dimensions = append(d.Dimensions, []string{"function", "outcome"})
	}
	for _, m := range measured {
		if present[m.Name] {
			d.Metrics = append(d.Metrics, m)
		}
	}
	return slog.Any("_aws", embedded{Timestamp: at.UnixMilli(), CloudWatchMetrics: []directive{d}})
}
