package emulator

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"sotercall/internal/dev/rule"
)

// limits are a platform's limits on the configuration of a function.
type limits struct {
	platform         string
	functionName     *regexp.Regexp
	variableName     *regexp.Regexp
	reservedNames    []string
	reservedPrefixes []string
	memory           func(mb int) bool
	memoryInWords    string
	maxTimeout       time.Duration // of a function, in whole seconds
	maxVariables     int           // bytes of the names and values of all variables
	rules            configurationRules
}

// configurationRules are the rules that refuse a configuration.
type configurationRules struct{ name, timeout, memory, variable, reserved, variablesSize *rule.Rule }

var lambdaLimits = limits{
	platform:     "Lambda",
	functionName: regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`),
	variableName: regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`),
	reservedNames: []string{
		"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
		"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
		"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
		"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "TZ",
	},
	memory:        func(mb int) bool { return mb >= 128 && mb <= 10_240 },
	memoryInWords: "128 to 10240 MB",
	maxTimeout:    900 * time.Second,
	maxVariables:  4 << 10,
	rules:         configurationRules{lambdaName, lambdaTimeout, lambdaMemory, lambdaVariable, lambdaReserved, lambdaVariables},
}

// scfLimits are the rules of Tencent SCF. Its page on variables restricts values to the
// form of names. Its other pages show other values, so that is no rule here.
var scfLimits = limits{
	platform:         "SCF",
	functionName:     regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,58}[a-zA-Z0-9]$`),
	variableName:     regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{1,63}$`),
	reservedPrefixes: []string{"SCF_", "QCLOUD_", "TENCENTCLOUD_"},
	memory:           func(mb int) bool { return mb == 64 || mb >= 128 && mb <= 3072 && mb%128 == 0 },
	memoryInWords:    "64 MB, or 128 to 3072 MB in steps of 128",
	maxTimeout:       900 * time.Second,
	maxVariables:     4 << 10,
	rules:            configurationRules{scfName, scfTimeoutRule, scfMemory, scfVariable, scfReserved, scfVariablesSize},
}

// check refuses what the platform would not deploy.
func (l limits) check(f Function) error {
	refuse := func(r *rule.Rule, format string, a ...any) error {
		r.Refuse()
		return fmt.Errorf("emulator: function %s: "+format, append([]any{f.Name}, a...)...)
	}
	if !l.functionName.MatchString(f.Name) {
		return refuse(l.rules.name, "%s takes no function of this name: want %s", l.platform, l.functionName)
	}
	if f.Timeout > l.maxTimeout || f.Timeout%time.Second != 0 {
		return refuse(l.rules.timeout, "timeout %s: %s takes whole seconds, 1 to %d", f.Timeout, l.platform, l.maxTimeout/time.Second)
	}
	if !l.memory(f.MemoryMB) {
		return refuse(l.rules.memory, "%d MB: %s takes %s", f.MemoryMB, l.platform, l.memoryInWords)
	}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(f.Env)) {
		size += len(name) + len(f.Env[name])
		reserved := slices.Contains(l.reservedNames, name) ||
			slices.ContainsFunc(l.reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if reserved {
			return refuse(l.rules.reserved, "variable %s is reserved by %s", name, l.platform)
		}
		if !l.variableName.MatchString(name) {
			return refuse(l.rules.variable, "variable %s: %s takes names like %s", name, l.platform, l.variableName)
		}
	}
	if size > l.maxVariables {
		return refuse(l.rules.variablesSize, "the variables have %d bytes, %s takes %d", size, l.platform, l.maxVariables)
	}
	return nil
}

// errEventTooLarge says that the platform accepts no event of this size.
var errEventTooLarge = errors.New("emulator: the event is too large")

func checkEventSize(event []byte, limit int, r *rule.Rule) error {
	if len(event) > limit {
		r.Refuse()
		return fmt.Errorf("%w: %d bytes, at most %d", errEventTooLarge, len(event), limit)
	}
	return nil
}
