package emulator

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// limits are what a platform takes as the configuration of a function.
type limits struct {
	platform         string
	functionName     *regexp.Regexp
	variableName     *regexp.Regexp
	reservedNames    []string
	reservedPrefixes []string
	memory           func(mb int) bool
	memoryInWords    string
}

const (
	// maxEnvironment bounds the names and values of a function's variables together, on both platforms: AWS Lambda
	// developer guide, docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html; Tencent Cloud, SCF,
	// cloud.tencent.com/document/product/583/11637.
	maxEnvironment = 4 << 10

	// maxTimeout is the longest limit of a function, on both platforms, in whole seconds: AWS, the same page; Tencent
	// Cloud, SCF, CreateFunction, cloud.tencent.com/document/api/583/18586.
	maxTimeout = 900 * time.Second
)

// lambdaLimits are in the AWS Lambda API reference, docs.aws.amazon.com/lambda/latest/api: CreateFunction (a name alone
// has 64 characters at most; 128 to 10,240 MB) and Environment (the pattern of a key); and in the developer guide,
// docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, defined runtime environment variables.
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
}

// scfLimits are in Tencent Cloud's API documentation, SCF, CreateFunction (cloud.tencent.com/document/api/583/18586): the
// name and the memory; on its page on variables (cloud.tencent.com/document/product/583/14570): the name of a variable;
// and in CloudBase's (docs.cloudbase.net/cloud-function/function-configuration/env): the prefixes. The page on variables
// wants values of the same form as names; its own pages show others, and so that is no rule here.
var scfLimits = limits{
	platform:         "SCF",
	functionName:     regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,58}[a-zA-Z0-9]$`),
	variableName:     regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{1,63}$`),
	reservedPrefixes: []string{"SCF_", "QCLOUD_", "TENCENTCLOUD_"},
	memory:           func(mb int) bool { return mb == 64 || mb >= 128 && mb <= 3072 && mb%128 == 0 },
	memoryInWords:    "64 MB, or 128 to 3072 MB in steps of 128",
}

// check refuses what the platform would not deploy.
func (l limits) check(f Function) error {
	refuse := func(format string, a ...any) error {
		return fmt.Errorf("emulator: function %s: "+format, append([]any{f.Name}, a...)...)
	}
	if !l.functionName.MatchString(f.Name) {
		return refuse("%s takes no function of this name: want %s", l.platform, l.functionName)
	}
	if f.Timeout > maxTimeout || f.Timeout%time.Second != 0 {
		return refuse("timeout %s: %s takes whole seconds, 1 to %d", f.Timeout, l.platform, maxTimeout/time.Second)
	}
	if !l.memory(f.MemoryMB) {
		return refuse("%d MB: %s takes %s", f.MemoryMB, l.platform, l.memoryInWords)
	}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(f.Env)) {
		size += len(name) + len(f.Env[name])
		reserved := slices.Contains(l.reservedNames, name) ||
			slices.ContainsFunc(l.reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if reserved {
			return refuse("variable %s is reserved by %s", name, l.platform)
		}
		if !l.variableName.MatchString(name) {
			return refuse("variable %s: %s takes names like %s", name, l.platform, l.variableName)
		}
	}
	if size > maxEnvironment {
		return refuse("the variables have %d bytes, %s takes %d", size, l.platform, maxEnvironment)
	}
	return nil
}

// errEventTooLarge says that the platform hands no event of this size over.
var errEventTooLarge = errors.New("emulator: the event is too large")

func checkEventSize(event []byte, limit int) error {
	if len(event) > limit {
		return fmt.Errorf("%w: %d bytes, at most %d", errEventTooLarge, len(event), limit)
	}
	return nil
}
