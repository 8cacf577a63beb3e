package emulator

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each rule with the address of the page that has it:
//
//	name      docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html: a name alone has 64 characters at most, letters,
//	          digits, - and _. cloud.tencent.com/document/api/583/18586: 2 to 60 of the same, a letter first, no - or _ last.
//	timeout   docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 900 s at most; an integer of seconds in the API.
//	          cloud.tencent.com/document/api/583/18586: 1 to 900 s.
//	memory    the same pages: 128 to 10,240 MB; 64, or 128 to 3,072 MB in steps of 128.
//	variables docs.aws.amazon.com/lambda/latest/dg/API_Environment.html: a letter, then one letter, digit or _ or more; 4 KB in
//	          all (gettingstarted-limits). cloud.tencent.com/document/product/583/14570: 2 to 64 of them; 4 KB in all (583/11637).
//	reserved  docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html: the variables that the runtime defines.
//	          docs.cloudbase.net/cloud-function/function-configuration/env: three prefixes.
func TestConfigurationsThatThePlatformWouldNotTake(t *testing.T) {
	type configuration struct {
		refused, twin Function
		says          string
	}
	variable := func(name string, size int) Function {
		return Function{Env: map[string]string{name: strings.Repeat("x", size)}}
	}
	for platform, l := range map[string]limits{"Lambda": lambdaLimits, "SCF": scfLimits} {
		for name, c := range map[string]configuration{
			"name with a dot":         {Function{Name: "verify.main"}, Function{Name: "verify-main"}, "no function of this name"},
			"name too long":           {Function{Name: strings.Repeat("a", 65)}, Function{Name: strings.Repeat("a", 60)}, "no function of this name"},
			"timeout too long":        {Function{Timeout: 901 * time.Second}, Function{Timeout: 900 * time.Second}, "timeout 15m1s"},
			"half a second":           {Function{Timeout: 500 * time.Millisecond}, Function{Timeout: time.Second}, "whole seconds, 1 to 900"},
			"memory too small":        {Function{MemoryMB: 63}, Function{MemoryMB: 128}, "63 MB: " + platform},
			"memory too large":        {Function{MemoryMB: 10_368}, Function{MemoryMB: 3072}, "10368 MB: " + platform},
			"variable of one letter":  {variable("A", 1), variable("AB", 1), "variable A: " + platform},
			"variable with a hyphen":  {variable("A-B", 1), variable("A_B", 1), "variable A-B: " + platform},
			"variable that begins so": {variable("_A", 1), variable("A_", 1), "variable _A: " + platform},
			"variables too large":     {variable("AB", 4095), variable("AB", 4094), "the variables have 4097 bytes, " + platform + " takes 4096"},
		} {
			requireRefused(t, l, platform+", "+name, c.refused, c.says)
			require.NoError(t, checked(t, l, c.twin), "%s, the twin of %s", platform, name)
		}
	}

	requireRefused(t, lambdaLimits, "reserved", variable("AWS_REGION", 1), "variable AWS_REGION is reserved by Lambda")
	requireRefused(t, lambdaLimits, "reserved", variable("_HANDLER", 1), "variable _HANDLER is reserved by Lambda")
	require.NoError(t, checked(t, lambdaLimits, variable("AWS_REGIONS", 1)), "the twin")
	require.NoError(t, checked(t, lambdaLimits, variable("TENCENTCLOUD_X", 1)))
	requireRefused(t, lambdaLimits, "too large", Function{MemoryMB: 10_241}, "10241 MB")
	require.NoError(t, checked(t, lambdaLimits, Function{MemoryMB: 10_240}), "the twin")
	require.NoError(t, checked(t, lambdaLimits, Function{Name: "1_"}))
	require.NoError(t, checked(t, lambdaLimits, Function{MemoryMB: 129}))
	for _, name := range []string{"SCF_X", "QCLOUD_X", "TENCENTCLOUD_X"} {
		requireRefused(t, scfLimits, "reserved", variable(name, 1), "variable "+name+" is reserved by SCF")
	}
	require.NoError(t, checked(t, scfLimits, variable("SCFX", 1)), "the twin")
	require.NoError(t, checked(t, scfLimits, variable("AWS_REGION", 1)))
	requireRefused(t, scfLimits, "65 bytes", variable(strings.Repeat("A", 65), 1), "SCF takes names like")
	for _, name := range []string{"v", "1verify", "verify-", "verify_", strings.Repeat("a", 61)} {
		requireRefused(t, scfLimits, name, Function{Name: name}, "no function of this name")
	}
	requireRefused(t, scfLimits, "between two steps", Function{MemoryMB: 129}, "129 MB")
	require.NoError(t, checked(t, scfLimits, Function{MemoryMB: 64}))
}

func checked(t *testing.T, l limits, f Function) error {
	t.Helper()
	f.Binary = "/no/such/binary"
	if f.Name == "" {
		f.Name = "verify"
	}
	f, err := f.withDefaults()
	require.NoError(t, err)
	return l.check(f)
}

func requireRefused(t *testing.T, l limits, name string, f Function, says string) {
	t.Helper()
	require.ErrorContains(t, checked(t, l, f), says, name)
}

// The rules are those of the platforms that are started.
func TestEachPlatformChecksTheConfiguration(t *testing.T) {
	f := Function{Name: "verify", Binary: "/no/such/binary", Env: map[string]string{"A-B": "x"}}
	for _, platform := range Platforms {
		_, err := platform.Start(t.Context(), f)
		require.ErrorContains(t, err, "variable A-B: "+platform.Title, platform.Name)
		_, err = platform.Start(t.Context(), Function{Name: f.Name, Binary: f.Binary})
		require.ErrorContains(t, err, "no such file", "%s, the twin", platform.Name)
	}
}

// docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: the payload of a request has 6 MB at most.
func TestLambdaTakesNoLargerEvents(t *testing.T) {
	t.Parallel()
	l := startLambda(t, Function{})
	large := []byte(`"` + string(bytes.Repeat([]byte("x"), maxSyncPayload-1)) + `"`)
	require.Len(t, large, maxSyncPayload+1)
	_, err := l.Invoke(t.Context(), Call{Payload: large})
	require.ErrorIs(t, err, errEventTooLarge)
	require.NoError(t, checkEventSize(large[1:], maxSyncPayload, lambdaEvent), "the twin")
	requireEcho(t, l)
}
