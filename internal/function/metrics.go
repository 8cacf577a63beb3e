package function

import (
	"log/slog"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// namespace is CloudWatch's namespace for the metrics of all functions.
const namespace = "sotercall"

type metric struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

// measured are the figures of a line that become metrics, if they are present.
var measured = [...]metric{
	{"total_ms", "Milliseconds"}, {"token_ms", "Milliseconds"}, {"upstream_ms", "Milliseconds"}, {"upstream_attempts", "Count"},
	{"log_dropped", "Count"}, {"token_repeats", "Count"},
}

type directive struct {
	Namespace  string     `json:"Namespace"`
	Dimensions [][]string `json:"Dimensions"`
	Metrics    []metric   `json:"Metrics"`
}

// present says which figures of measured a line has, and whether it has an outcome.
type present struct {
	figure  [len(measured)]bool
	outcome bool
}

// metrics returns the directive that turns figures of a log line into metrics (CloudWatch,
// "Embedded metric format specification"). Its dimensions are few: the function, and the
// function with the code of its response. Each value of a dimension is a metric to pay for,
// so nothing of a user is among them.
func metrics(line slog.Record) slog.Attr {
	var has present
	line.Attrs(func(a slog.Attr) bool {
		has.outcome = has.outcome || a.Key == "outcome"
		for i, m := range measured {
			has.figure[i] = has.figure[i] || a.Key == m.Name
		}
		return true
	})
	return slog.Group("_aws", slog.Int64("Timestamp", line.Time.UnixMilli()), slog.Any("CloudWatchMetrics", directives(has)))
}

var written sync.Map // of directives, by present: there are few, and each line has one

func directives(has present) jsontext.Value {
	if d, ok := written.Load(has); ok {
		return d.(jsontext.Value)
	}
	d := directive{Namespace: namespace, Dimensions: [][]string{{"function"}}}
	if has.outcome {
		d.Dimensions = append(d.Dimensions, []string{"function", "outcome"})
	}
	for i, m := range measured {
		if has.figure[i] {
			d.Metrics = append(d.Metrics, m)
		}
	}
	text, err := json.Marshal([]directive{d})
	if err != nil {
		panic(err) // strings
	}
	written.Store(has, jsontext.Value(text))
	return text
}
