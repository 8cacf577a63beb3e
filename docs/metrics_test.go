package docs_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sotercall/internal/store"
	"sotercall/internal/test/need"
	"sotercall/internal/wiring/metrics"
)

// quiet is a function that has nothing to tell.
type quiet struct{}

func (quiet) LogDropped() int   { return 0 }
func (quiet) Notices() []string { return nil }

// metricLabels are the names of all metrics of ours, with those of their labels, as a scrape
// has them.
func metricLabels(t *testing.T) map[string][]string {
	t.Helper()
	m := metrics.New(store.Items)
	line := slog.NewRecord(time.Now(), slog.LevelInfo, "invocation", 0)
	line.Add("call", "openapi.soter.verifySignature", "errCode", 0, "outcome", "genuine", "token_ms", 1.0, "upstream_ms", 1.0, "total_ms", 1.0)
	m.Invocation(line)
	m.Apps([]string{"wx1"})
	m.TokenHeld("wx1", time.Now(), time.Now())
	m.FileDiffers("WECHAT_APPS_FILE", false)
	w := httptest.NewRecorder()
	m.Handler(quiet{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", metrics.Path, nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(w.Body)
	require.NoError(t, err)
	all := map[string][]string{}
	for name, family := range families {
		if strings.HasPrefix(name, "sotercall_") {
			all[name] = []string{}
			for _, label := range family.GetMetric()[0].GetLabel() {
				all[name] = append(all[name], label.GetName())
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}

// expressions are those of the rules in a file of Prometheus. A member that Prometheus does
// not know is an error.
func expressions(t *testing.T, name string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert       string
				Expr        string
				For         string
				Annotations map[string]string
			}
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&file))
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			assert.NotEmpty(t, rule.Alert)
			assert.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			all = append(all, rule.Expr)
		}
	}
	require.NotEmpty(t, all)
	return all
}

// documentedMetrics returns the cells of the first and the last column of the rows of a table, by
// the first cell of its head.
func documentedMetrics(t *testing.T, name, head string) (first, last []string) {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "\n| "+head+" |")
	require.True(t, found, head)
	table, _, _ = strings.Cut(table, "\n\n")
	for _, row := range strings.Split(table, "\n")[2:] {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		first, last = append(first, cells[0]), append(last, cells[len(cells)-1])
	}
	return first, last
}

func TestEachMetricIsDocumented(t *testing.T) {
	names, _ := documentedMetrics(t, "operations.md", "metric")
	want := []string{}
	for name := range metricLabels(t) {
		want = append(want, "`"+name+"`")
	}
	assert.ElementsMatch(t, want, names)
}

// TestAlarmsNameWhatThereIs: the alarms of the document are those of the file, and each metric
// and label in them is one that the service has, or that Prometheus adds.
func TestAlarmsNameWhatThereIs(t *testing.T) {
	rules := expressions(t, "deploy/prometheus/alerts.yaml")
	_, shown := documentedMetrics(t, "operations.md", "alarm")
	for i, cell := range shown {
		shown[i] = strings.Trim(cell, "`| ")
	}
	assert.Equal(t, rules, shown)

	labels, used := metricLabels(t), 0
	for _, rule := range rules {
		for _, selector := range regexp.MustCompile(`\b(sotercall_\w+|up)(?:\{(\w+)!?="([^"]*)"\})?`).FindAllStringSubmatch(rule, -1) {
			used++
			metric, label, value := selector[1], selector[2], selector[3]
			if metric == "up" {
				assert.Equal(t, []string{"job", "sotercall"}, []string{label, value})
				continue
			}
			has, known := labels[strings.TrimSuffix(metric, "_bucket")]
			assert.True(t, known, "%s: there is no %s", rule, metric)
			assert.True(t, label == "" || slices.Contains(has, label), "%s: %s has no %s", rule, metric, label)
			assert.Contains(t, []string{"", "other", "openapi.soter.verifySignature"}, value, rule)
		}
	}
	assert.GreaterOrEqual(t, used, len(rules))
}

func TestAlarmsArePromQL(t *testing.T) {
	program := need.GoTool(t, "sotercall/scripts/tools/promql")
	read := func(expressions ...string) (string, error) {
		command := exec.CommandContext(t.Context(), program)
		command.Stdin = strings.NewReader(strings.Join(expressions, "\n"))
		out, err := command.CombinedOutput()
		return string(out), err
	}
	out, err := read(expressions(t, "deploy/prometheus/alerts.yaml")...)
	require.NoError(t, err, out)
	out, err = read("up == 0", "sum(increase(up[5m]) > 0")
	require.Error(t, err, "the twin")
	assert.Contains(t, out, "unclosed left parenthesis")
}
