package recorded

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/hosted"
)

// What the functions are configured with, and who calls.
const (
	bearer       = "a-bearer-token-of-the-recordings"
	clientSecret = "a-client-secret-of-the-recordings"
	alice        = "oAlice_000000000000000000001"
	bob          = "oBob___000000000000000000002"
)

// The calls, by function and path.
var (
	verify = endpoint{"verify", "/openapi/soter/verifySignature"}
	issue  = endpoint{"challenge", "/openapi/soter/issueChallenge"}
	status = endpoint{"token", "/openapi/auth/getTokenStatus"}
	token  = endpoint{"token", ""} // not over HTTP
)

type endpoint struct{ function, path string }

// The platforms.
const (
	onLambda = "lambda"
	onSCF    = "scf"
	onPort   = "http"
)

var everywhere = []string{onLambda, onSCF, onPort}

// fleet is one deployment on one platform, in front of a sandbox.
type fleet struct {
	*recorder
	platform string
	wechat   hosted.Sandbox
	// variables are what each of its functions is told, beside what start adds.
	variables map[string]string
	on        map[string]*instance
}

// onEach runs a test on platforms, each with a recording of its own.
func onEach(t *testing.T, name string, platforms []string, test func(f *fleet)) {
	t.Parallel()
	for _, platform := range platforms {
		t.Run(platform, func(t *testing.T) {
			t.Parallel()
			f := record(t, platform, test)
			for attempt := 1; attempt < 5 && f.isStarved(); attempt++ {
				t.Log("a function was killed at its limit: recorded anew")
				f = record(t, platform, test)
			}
			f.compare(name + "-" + platform)
		})
	}
}

func record(t *testing.T, platform string, test func(f *fleet)) *fleet {
	f := &fleet{
		recorder: newRecorder(t), platform: platform, on: map[string]*instance{},
		wechat: hosted.NewSandbox(t, sandbox.Options{FirstToken: sandbox.EventToken}),
	}
	f.variables = f.wechat.Variables()
	test(f)
	return f
}

// isStarved reports whether the platform killed a function because its limit was over. On a
// busy machine one may get no processor time in what it reserves for its response.
func (f *fleet) isStarved() bool { return strings.Contains(f.text.String(), "timed out after") }

// start starts functions, or on a port the service, which is all of them.
func (f *fleet) start(limit time.Duration, functions ...string) {
	f.t.Helper()
	host := func(function string) *instance {
		log := new(hosted.Log)
		switch f.platform {
		case onLambda:
			return &instance{runtime: hosted.Lambda(f.t, function, f.variables, limit, log), log: log}
		case onSCF:
			return &instance{runtime: hosted.SCF(f.t, function, f.variables, limit, log), log: log}
		}
		server := hosted.HTTP(f.t, function, f.variables, limit, log)
		return &instance{runtime: server, url: server.URL, log: log}
	}
	start := func(function string) *instance {
		on := host(function)
		f.all = append(f.all, on)
		return on
	}
	if f.platform == onPort {
		service := start("service")
		for _, function := range functions {
			f.on[function] = service
		}
		return
	}
	for _, function := range functions {
		f.on[function] = start(function)
	}
}

// set sets further variables of the functions that are started next.
func (f *fleet) set(variables map[string]string) { maps.Copy(f.variables, variables) }

// ask records a call of the developer's backend: an event, or on a port a request with the
// bearer token.
func (f *fleet) ask(name string, of endpoint, body string) string {
	f.t.Helper()
	if f.platform != onPort {
		return f.call(name, f.on[of.function], []byte(body), nil)
	}
	if of.path == "" {
		return ""
	}
	return f.send(name, f.on[of.function], request{"POST", of.path, map[string]string{"authorization": "Bearer " + bearer}, body})
}

// request records a request: on a port as it is, elsewhere as an event.
func (f *fleet) request(name, function string, q request) string {
	f.t.Helper()
	if f.platform == onPort {
		return f.send(name, f.on[function], q)
	}
	return f.call(name, f.on[function], q.event(f.t), nil)
}

// fault makes something else go wrong, or nothing.
func (f *fleet) fault(fault sandbox.Fault) {
	f.t.Helper()
	f.wechat.ClearFaults()
	if fault.Kind != "" {
		require.NoError(f.t, f.wechat.Inject(fault))
	}
}

// signed is what a user's phone sends, as JSON. change, if not nil, changes it.
func (f *fleet) signed(openid, challenge string, change func(event map[string]string)) string {
	f.t.Helper()
	phone, err := f.wechat.Phone(openid, sandbox.Android)
	require.NoError(f.t, err)
	s, err := phone.Sign(challenge)
	require.NoError(f.t, err)
	event := map[string]string{"openid": s.OpenID, "jsonString": s.JSONString, "jsonSignature": s.JSONSignature}
	if change != nil {
		change(event)
	}
	return string(hosted.JSON(f.t, event))
}

// member is a member of an answer that is a JSON object.
func (f *fleet) member(answer, name string) string {
	f.t.Helper()
	var members map[string]any
	require.NoError(f.t, json.Unmarshal([]byte(answer), &members), answer)
	if body, ok := members["body"].(string); ok { // of a response in an event
		return f.member(body, name)
	}
	require.IsType(f.t, "", members[name], answer)
	return members[name].(string)
}

// sample is the genuine question of deploy/events, in the words of either call.
func (f *fleet) sample() string { return string(hosted.JSON(f.t, hosted.Sample(f.t))) }

func snake(text string) string {
	return strings.NewReplacer("jsonString", "json_string", "jsonSignature", "json_signature").Replace(text)
}

// redis starts a server, for the functions that are started next. What it returns records
// what is kept there.
func (f *fleet) redis() (contents func()) {
	f.t.Helper()
	server := redistest.Start(f.t)
	f.set(map[string]string{"REDIS_URL": server.URL.Reveal()})
	return func() {
		f.t.Helper()
		var lines []string
		for _, key := range server.Do("KEYS", "*").([]any) {
			life := time.Duration(server.Do("PTTL", key).(int64)) * time.Millisecond
			lines = append(lines, fmt.Sprintf("%s (%s): %s", key, about(life), value(server, key)))
		}
		f.sorted("Redis", lines)
	}
}

// value is the value of a key.
func value(server *redistest.Server, key any) string {
	if server.Do("TYPE", key) != "hash" {
		return fmt.Sprint(server.Do("GET", key))
	}
	var fields []string
	for _, field := range server.Do("HKEYS", key).([]any) {
		fields = append(fields, fmt.Sprintf("%s=%s", field, server.Do("HGET", key, field)))
	}
	slices.Sort(fields)
	return strings.Join(fields, " ")
}

// about is a time that was longer a moment ago.
func about(d time.Duration) string {
	if d < 0 {
		return "no end"
	}
	return fmt.Sprint((d + 2*time.Minute).Truncate(5 * time.Minute))
}
