package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
	"sotercall/internal/trigger"
)

// maxRSS is what a function may take at most, in bytes, whatever event it gets: there is
// room for it in the smallest function, of 128 MB.
const maxRSS = 80 << 20

// huge are events of nearly 6 MiB that made a function keep much for each byte.
func huge() map[string][]byte {
	const size = trigger.MaxPayload - 64<<10
	fill := func(head, part, tail string) []byte {
		b := make([]byte, 0, trigger.MaxPayload)
		b = append(b, head...)
		b = append(b, bytes.Repeat([]byte(part), (size-len(head)-len(tail))/len(part))...)
		return append(b, tail...)
	}
	members := func(head, format, tail string) []byte {
		b := append(make([]byte, 0, trigger.MaxPayload), head...)
		for n := 0; len(b) < size; n++ {
			b = fmt.Appendf(b, format, n)
		}
		return append(bytes.TrimSuffix(b, []byte(",")), tail...)
	}
	const request = `{"httpMethod":"POST","path":"/","body":"{}","requestContext":{"sourceIp":"1.2.3.4"},`
	return map[string][]byte{
		"headers":           members(request+`"headers":{`, `"h%d":"v",`, `}}`),
		"headers, long":     members(request+`"headers":{`, `"h%d":"`+strings.Repeat("v", 4000)+`",`, `}}`),
		"multiValueHeaders": members(request+`"headers":{},"multiValueHeaders":{`, `"h%d":["v","w"],`, `}}`),
		"query":             members(request+`"headers":{},"queryStringParameters":{`, `"q%d":"v",`, `}}`),
		"queryString":       members(request+`"headers":{},"queryString":{`, `"q%d":"v",`, `}}`),
		"rawQueryString":    fill(`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"POST"}},"headers":{},"rawQueryString":"`, "a=b&", `"}`),
		"requestContext":    members(`{"httpMethod":"POST","path":"/","headers":{},"body":"{}","requestContext":{`, `"c%d":"v",`, `}}`),
		"cookies":           fill(`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"POST"}},"headers":{},"cookies":[`, `"",`, `""]}`),
		"one header":        fill(request+`"headers":{"h":"`, "v", `"}}`),
		"a path":            fill(`{"httpMethod":"POST","headers":{},"path":"/`, "p", `"}`),
		"a path of escapes": fill(`{"httpMethod":"POST","headers":{},"path":"/`, `\u0025`, `"}`),
		"a body":            fill(`{"httpMethod":"POST","path":"/","headers":{},"body":"`, "b", `"}`),
		"a body of escapes": fill(`{"httpMethod":"POST","path":"/","headers":{},"body":"`, `\u00e4`, `"}`),
		"a body of base64": append(append([]byte(`{"httpMethod":"POST","path":"/","headers":{},"isBase64Encoded":true,"body":"`),
			base64.StdEncoding.EncodeToString(make([]byte, size/4*3))...), `"}`...),
		"direct members":           members(`{"call":"x",`, `"m%d":0,`, `}`),
		"direct members, inside":   members(`{"call":"x","userInfo":{`, `"m%d":0,`, `}}`),
		"direct text":              fill(`{"openid":"`, "o", `"}`),
		"direct text of escapes":   fill(`{"jsonString":"`, `\u00e4`, `"}`),
		"a direct name":            fill(`{"`, "n", `":0}`),
		"a direct name of escapes": fill(`{"`, `\u00e4`, `":0}`),
		"few names, long":          members(`{`, `"%d`+strings.Repeat("n", 4000)+`":0,`, `}`),
		"nested arrays":            fill("", "[", ""),
		"nested objects":           fill("", `{"a":`, ""),
		"an array":                 fill("[", "0,", "0]"),
		"records":                  fill(`{"Records":[`, `{},`, `{}]}`),
		"one string":               fill(`"`, "s", `"`),
		"no JSON":                  fill("", "x", ""),
		"blanks":                   fill("", " ", ""),
		"quotes":                   fill("", `"`, ""),
		"backslashes":              fill(`"`, `\\`, `"`),
	}
}

// Any event up to the platform's limit leaves the process below maxRSS. The CPU time is
// for the log: what bounds it is how much of an event is looked at.
func TestAnyEventFitsIntoASmallFunction(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	all := huge()
	for _, function := range []string{"verify", "token", "challenge"} {
		variables := hosted.With(wechat.Variables(), map[string]string{"CHALLENGE_SECRET": strings.Repeat("c", 32)})
		if function == "token" {
			delete(variables, "CHALLENGE_SECRET")
		}
		for name, event := range all {
			require.LessOrEqual(t, len(event), trigger.MaxPayload, name)
			for platform, runtime := range hosted.Both(t, function, variables, 30*time.Second, new(hosted.Log)) {
				where := function + " on " + platform + ": " + name
				hosted.Invoke(t, runtime, []byte(`{}`), nil)
				before := lookAt(t, function)
				hosted.Invoke(t, runtime, event, nil)
				after := lookAt(t, function)
				t.Logf("%-60s %3d MB %4d ms", where, after.peak>>20, (after.cpu - before.cpu).Milliseconds())
				assert.Less(t, after.peak, maxRSS, where)
				closeRuntime(t, runtime)
			}
		}
	}
}

func closeRuntime(t *testing.T, runtime emulator.Runtime) {
	t.Helper()
	if closer, ok := runtime.(interface{ Close() error }); ok {
		require.NoError(t, closer.Close())
	}
}

// process is what a process has taken so far.
type process struct {
	peak int // bytes of RSS
	cpu  time.Duration
}

// lookAt finds the child that runs the function: there must be one.
func lookAt(t *testing.T, function string) (p process) {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/exe")
	require.NoError(t, err)
	for _, link := range found {
		if exe, err := os.Readlink(link); err != nil || exe != hosted.Binary(function) {
			continue
		}
		folder := filepath.Dir(link)
		status, err := os.ReadFile(folder + "/status")
		if err != nil || !strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) {
			continue
		}
		_, rest, _ := strings.Cut(string(status), "VmHWM:")
		kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
		require.NoError(t, err)
		stat, err := os.ReadFile(folder + "/stat")
		require.NoError(t, err)
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
			ticks, err := strconv.Atoi(field)
			require.NoError(t, err)
			p.cpu += time.Duration(ticks) * 10 * time.Millisecond
		}
		p.peak = max(p.peak, kilobytes<<10)
	}
	require.NotZero(t, p.peak, "no process of %s", function)
	return p
}
