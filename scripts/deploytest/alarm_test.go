package deploytest

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/openapi"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
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

// TestWrongAppIDRaisesAlarm takes the lines from the functions themselves: of verify
// when it is asked, of token when its timer asks, so that nobody has to.
func TestWrongAppIDRaisesAlarm(t *testing.T) {
	need.Time(t)
	folder := t.TempDir()
	require.NoError(t, gobuild.Functions(t.Context(), folder, "verify", "token"))
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	found := resources(t, load(t, "template.yaml"), "AWS::Logs::MetricFilter")
	for function, name := range filters {
		pattern := at(t, found[name], "FilterPattern").(string)
		event, err := os.ReadFile(map[string]string{"Verify": "events/direct.json", "Token": "events/aws-schedule.json"}[function])
		require.NoError(t, err)
		for appID, counted := range map[string]int{"wx0000000000000000": 1, sandbox.DefaultAppID: 0} {
			var log bytes.Buffer
			runtime := hosted.Run(t, emulator.StartLambda, emulator.Function{
				Name: function, Binary: filepath.Join(folder, strings.ToLower(function)), Timeout: time.Minute, Log: &log,
				Env: hosted.With(wechat.Variables(), map[string]string{"WECHAT_APPID": appID}),
			})
			_, err = runtime.Invoke(t.Context(), emulator.Call{Payload: event})
			require.NoError(t, err)
			require.NoError(t, runtime.Close())
			lines := 0
			for text := range strings.Lines(log.String()) {
				var line map[string]jsontext.Value
				if json.Unmarshal([]byte(text), &line) != nil {
					continue
				}
				members := map[string]string{}
				for member, value := range line {
					members[member] = string(value)
				}
				if matches(t, pattern, members) {
					lines++
				}
			}
			assert.Equal(t, counted, lines, "%s with the AppID %s: %s", function, appID, log.String())
		}
	}
}
