package deploytest

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/openapi"
)

// filters are the metric filters of template.yaml, by the function whose log they
// read.
var filters = map[string]string{"Verify": "Unanswered", "Token": "NoToken"}

// TestEveryFaultRaisesAlarm asks the filters about every errCode of the table, and
// about one that is in no table.
func TestEveryFaultRaisesAlarm(t *testing.T) {
	template := load(t, "template.yaml")
	found := resources(t, template, "AWS::Logs::MetricFilter")
	require.Len(t, found, len(filters))
	for function, name := range filters {
		filter := found[name]
		assert.Equal(t, object{"Ref": function + "Logs"}, filter["LogGroupName"])
		metric := object{"MetricNamespace": object{"Ref": "AWS::StackName"}, "MetricName": name, "MetricValue": "1"}
		assert.Equal(t, []any{metric}, filter["MetricTransformations"])

		pattern := at(t, filter, "FilterPattern").(string)
		counted, spared := 0, 0
		for _, code := range append(openapi.Codes(), openapi.LookUp(99999)) {
			line := map[string]string{"outcome": `"error"`, "errCode": strconv.Itoa(code.Number)}
			require.Equal(t, code.Fault(), matches(t, pattern, line), "%s: %d", name, code.Number)
			if code.Fault() {
				counted++
			} else {
				spared++
			}
		}
		assert.Greater(t, counted, 30)
		assert.Greater(t, spared, 5)
		for _, code := range []string{"-1", "40013", "48001", "89503", "-604103"} {
			assert.True(t, matches(t, pattern, map[string]string{"outcome": `"error"`, "errCode": code}), code)
		}
		for _, outcome := range []string{`"genuine"`, `"wrong"`, `"ok"`} {
			assert.False(t, matches(t, pattern, map[string]string{"outcome": outcome, "errCode": "0"}), outcome)
		}
		assert.False(t, matches(t, pattern, map[string]string{}), "a line that is no invocation's")

		alarm := at(t, template, "Resources", name+"Alarm", "Properties").(object)
		assert.Equal(t, name, alarm["MetricName"])
		assert.Equal(t, object{"Ref": "AWS::StackName"}, alarm["Namespace"])
		assert.Equal(t, object{"Ref": "AlarmThreshold"}, alarm["Threshold"])
		assert.Equal(t, 300, alarm["Period"], "the token function's timer asks at least once in it")
	}
}

// matches is what CloudWatch Logs does with a pattern of comparisons that are all
// to hold (CloudWatch Logs, "Filter pattern syntax for metric filters"): one of a
// member that is not there does not hold.
func matches(t *testing.T, pattern string, line map[string]string) bool {
	t.Helper()
	inside := regexp.MustCompile(`^\{ (.+) \}$`).FindStringSubmatch(pattern)
	require.NotNil(t, inside, pattern)
	assert.LessOrEqual(t, len(pattern), 1024, "PutMetricFilter takes no longer one")
	holds := true
	for _, comparison := range strings.Split(inside[1], " && ") {
		parts := regexp.MustCompile(`^\$\.(\w+) (=|!=) ("\w+"|-?\d+)$`).FindStringSubmatch(comparison)
		require.NotNil(t, parts, comparison)
		value, there := line[parts[1]]
		holds = holds && there && (value == parts[3]) == (parts[2] == "=")
	}
	return holds
}
