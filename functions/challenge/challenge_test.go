package main

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/hosted"
)

func TestMain(m *testing.M) { hosted.Main(m, "challenge", "verify") }

const (
	secretText = "a-challenge-secret-of-this-test-1"
	alice      = "oAlice_000000000000000000001"
	bob        = "oBob___000000000000000000002"
	verifyPath = "/cgi-bin/soter/verify_signature"
	refused    = `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`

	notConsumed = `{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604103 call open API system error. ` +
		`the challenge could not be consumed: try again, or have a new challenge signed","errCode":-604103}`
)

// fleet is the challenge function, and instances of verify that take only its
// challenges and share a store.
type fleet struct {
	hosted.Sandbox
	challenge emulator.Runtime
	verify    []emulator.Runtime
	redis     *redistest.Server // of newFleet
	logs      *hosted.Log
}

// newFleet has two instances, and a Redis.
func newFleet(t *testing.T, variables map[string]string) *fleet {
	t.Helper()
	redis := redistest.Start(t)
	f := newFleetOf(t, 2, hosted.With(map[string]string{"REDIS_URL": redis.URL.Reveal()}, variables))
	f.redis = redis
	return f
}

// newFleetOf has so many instances, and the store that the variables name.
func newFleetOf(t *testing.T, instances int, variables map[string]string) *fleet {
	t.Helper()
	f := &fleet{Sandbox: hosted.NewSandbox(t, sandbox.Options{}), logs: new(hosted.Log)}
	f.challenge = hosted.SCF(t, "challenge", map[string]string{"CHALLENGE_SECRET": secretText}, hosted.Ample, f.logs)
	all := hosted.With(f.Variables(), map[string]string{"CHALLENGE_SECRET": secretText})
	for range instances {
		f.verify = append(f.verify, hosted.SCF(t, "verify", hosted.With(all, variables), hosted.Ample, f.logs))
	}
	return f
}

// issue asks the challenge function.
func (f *fleet) issue(t *testing.T, event string, environment map[string]string) string {
	t.Helper()
	var a struct {
		Challenge string `json:"challenge"`
		ErrMsg    string `json:"errMsg"`
	}
	require.NoError(t, json.Unmarshal([]byte(hosted.Invoke(t, f.challenge, []byte(event), environment)), &a))
	require.Equal(t, "openapi.soter.issueChallenge:ok", a.ErrMsg)
	return a.Challenge
}

// sign has a user's phone sign a challenge.
func (f *fleet) sign(t *testing.T, openid, challenge string) []byte {
	t.Helper()
	phone, err := f.Phone(openid, sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign(challenge)
	require.NoError(t, err)
	return hosted.JSON(t, signed)
}

// lateStore is how the errors of the stores say that no reply came in time.
var lateStore = regexp.MustCompile(`no answer in time|deadline exceeded|i/o timeout`)

// decided invokes verify until the store has answered in time.
func (f *fleet) decided(t *testing.T, event []byte) string {
	t.Helper()
	for began := time.Now(); ; {
		answer := hosted.Invoke(t, f.verify[0], event, nil)
		if answer != notConsumed || time.Since(began) > time.Minute {
			return answer
		}
	}
}

func TestChallengeIsAnsweredOnceInTheWholeFleet(t *testing.T) {
	for name, start := range hosted.Stores {
		t.Run(name, func(t *testing.T) {
			f := newFleetOf(t, 8, start(t).Variables)
			event := f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil))
			var wg sync.WaitGroup
			answers := make([]string, 200)
			for i := range answers {
				wg.Go(func() { answers[i] = hosted.Invoke(t, f.verify[i%len(f.verify)], event, nil) })
			}
			wg.Wait()
			counts := map[string]int{}
			for _, answer := range answers {
				counts[answer]++
			}
			// A store that a busy machine keeps from answering in time, and nothing else,
			// leaves a call undecided, and perhaps the challenge unused.
			undecided := len(answers) - counts[hosted.Verified] - counts[refused]
			assert.Equal(t, undecided, counts[notConsumed], counts)
			late := 0
			for line := range strings.Lines(f.logs.String()) {
				if strings.Contains(line, "could not be consumed") && lateStore.MatchString(line) {
					late++
				}
			}
			assert.Equal(t, undecided, late, "what the log says of them")
			if counts[hosted.Verified] == 0 && undecided > 0 {
				f.decided(t, event)
			} else {
				assert.Equal(t, 1, counts[hosted.Verified])
			}
			assert.Equal(t, refused, f.decided(t, event))
			assert.Contains(t, f.logs.String(), "the challenge was used before")
		})
	}
}

// A verification with a challenge is one request to WeChat and two to the store, which
// are made after WeChat has said yes.
func TestVerificationWithAChallengeIsFourRequests(t *testing.T) {
	table := dynalite.Start(t)
	f := newFleetOf(t, 1, table.Environment())
	sign := func() []byte { return f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil)) }
	require.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[0], sign(), nil), "it has its token now")
	asked := f.Requests("")
	table.Requests()

	event := sign()
	require.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[0], event, nil))
	assert.Equal(t, 1, f.Requests("")-asked)
	assert.Equal(t, []string{"GetItem", "PutItem", "UpdateItem"}, table.Requests())
	require.Equal(t, refused, hosted.Invoke(t, f.verify[0], event, nil), "a replay")
	assert.Equal(t, []string{"GetItem", "PutItem"}, table.Requests())

	require.NoError(t, f.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultErrCode, ErrCode: 40097, Times: 1}))
	require.NotEqual(t, hosted.Verified, hosted.Invoke(t, f.verify[0], sign(), nil))
	assert.Equal(t, []string{"GetItem"}, table.Requests(), "WeChat has said neither yes nor no")
}

// Whoever cannot sign has five signatures of one challenge verified, at whichever
// instances; then none. A genuine signature among the five passes.
func TestFiveWrongSignaturesEndAChallengeInTheWholeFleet(t *testing.T) {
	for name, variables := range map[string]map[string]string{
		"redis":    {"REDIS_URL": redistest.Start(t).URL.Reveal()},
		"dynamodb": dynalite.Start(t).Environment(),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleetOf(t, 2, variables)
			spoilt, kept := f.issue(t, `{"openid":"`+alice+`"}`, nil), f.issue(t, `{"openid":"`+alice+`"}`, nil)
			wrong := func(challenge string) []byte {
				var signed sandbox.Signed
				require.NoError(t, json.Unmarshal(f.sign(t, alice, challenge), &signed))
				signed.JSONSignature = strings.Repeat("A", 342) + "=="
				return hosted.JSON(t, signed)
			}
			for n := range 5 {
				require.Equal(t, refused, hosted.Invoke(t, f.verify[n%2], wrong(spoilt), nil))
			}
			require.Equal(t, 5, f.Requests(verifyPath))
			for _, instance := range f.verify {
				assert.Equal(t, refused, hosted.Invoke(t, instance, wrong(spoilt), nil))
				assert.Equal(t, refused, hosted.Invoke(t, instance, f.sign(t, alice, spoilt), nil), "nor a genuine one")
			}
			assert.Equal(t, 5, f.Requests(verifyPath), "WeChat is not asked any more")

			for n := range 4 {
				require.Equal(t, refused, hosted.Invoke(t, f.verify[n%2], wrong(kept), nil))
			}
			assert.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[1], f.sign(t, alice, kept), nil), "the twin")
		})
	}
}

func TestPageGetsAChallengeOfItsOwn(t *testing.T) {
	f := newFleet(t, nil)
	event := f.sign(t, alice, f.issue(t, `{}`, hosted.PageCaller(alice)))
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[0], event, hosted.PageCaller(alice)))
}

func TestWrongChallengesAreRefusedWithoutAskingWeChat(t *testing.T) {
	f := newFleet(t, nil)
	for reason, event := range map[string][]byte{
		"not one that we issued":     f.sign(t, alice, "123456"),
		"issued to another user":     f.sign(t, bob, f.issue(t, `{"openid":"`+alice+`"}`, nil)),
		"the name raw is duplicated": []byte(strings.Replace(string(f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil))), `{\"raw\"`, `{\"raw\":\"x\",\"raw\"`, 1)),
	} {
		assert.Equal(t, refused, hosted.Invoke(t, f.verify[0], event, nil), reason)
		assert.Zero(t, f.Requests(verifyPath), reason)
	}
	assert.Contains(t, f.logs.String(), "not one that we issued")
	assert.Contains(t, f.logs.String(), "issued to another user")
	good := f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil))
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[0], good, nil), "the twin")
}

func TestForgedSignatureConsumesNothing(t *testing.T) {
	f := newFleet(t, nil)
	event := f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil))
	var forged sandbox.Signed
	require.NoError(t, json.Unmarshal(event, &forged))
	forged.JSONSignature = strings.Repeat("A", 342) + "=="
	assert.Equal(t, refused, hosted.Invoke(t, f.verify[0], hosted.JSON(t, forged), nil))
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[1], event, nil))
}

func TestStoreThatFailsIsNoVerdict(t *testing.T) {
	for name, start := range hosted.Stores {
		t.Run(name, func(t *testing.T) {
			store := start(t)
			f := newFleetOf(t, 1, store.Variables)
			event := f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil))
			store.Fail()
			answer := hosted.Invoke(t, f.verify[0], event, nil)
			assert.Contains(t, answer, `"isOk":false`)
			assert.Contains(t, answer, `"errCode":-604103`)
			store.Work()
			assert.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[0], event, nil), "the twin")
		})
	}
}

// The table consumes the challenge, and the function does not learn of it at first: its
// user is let in all the same, and nobody else.
func TestReplyThatIsLostCostsNobodyAChallenge(t *testing.T) {
	table := dynalite.Start(t)
	f := newFleetOf(t, 2, hosted.With(table.Environment(), map[string]string{"COUNTER_POLICY": "enforce"}))
	for _, fault := range []dynalite.Fault{
		{Action: "PutItem", Times: 1, Done: true},
		{Action: "PutItem", Times: 1, Done: true, Cut: true},
		{Action: "UpdateItem", Times: 1, Done: true},
	} {
		event := f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil))
		table.Break(fault)
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[0], event, nil), "%+v", fault)
		for _, verify := range f.verify {
			assert.Equal(t, refused, hosted.Invoke(t, verify, event, nil), "the twin: it was consumed")
		}
	}
}

// A server that cuts its connections over and over costs no call, and nobody a
// challenge.
func TestStoreThatCutsConnectionsCostsNothing(t *testing.T) {
	const calls, between = 120, 4 // 30 cuts
	f := newFleet(t, map[string]string{"COUNTER_POLICY": "enforce"})
	events := make([][]byte, calls)
	for i := range events {
		events[i] = f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil))
	}
	for i, event := range events {
		if i%between == between-1 {
			f.redis.CutConnections()
		}
		require.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[i%2], event, nil), i)
	}
	for _, event := range [][]byte{events[0], events[calls-1]} {
		assert.Equal(t, refused, hosted.Invoke(t, f.verify[0], event, nil), "the twin: each counted once")
	}
}

// The counter of a device that was copied does not grow.
func TestCounterPolicies(t *testing.T) {
	for policy, want := range map[string]string{"log": hosted.Verified, "enforce": refused} {
		f := newFleet(t, map[string]string{"COUNTER_POLICY": policy})
		first := f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil))
		second := f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil))
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[0], second, nil))
		assert.Equal(t, want, hosted.Invoke(t, f.verify[1], first, nil), "its counter is lower: %s", policy)
		assert.Contains(t, f.logs.String(), "possible_clone")
	}
}

func TestRotatedSecretIsTaken(t *testing.T) {
	f := newFleet(t, map[string]string{"CHALLENGE_SECRET": "the-secret-that-comes-after-this-1," + secretText})
	event := f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil))
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[0], event, nil))
	f = newFleet(t, map[string]string{"CHALLENGE_SECRET": "the-secret-that-comes-after-this-1"})
	event = f.sign(t, alice, f.issue(t, `{"openid":"`+alice+`"}`, nil))
	assert.Equal(t, refused, hosted.Invoke(t, f.verify[0], event, nil), "the twin: without the old one")
}

func TestHTTPDoorIsGuarded(t *testing.T) {
	log := new(hosted.Log)
	event := `{"httpMethod":"POST","path":"/openapi/soter/issueChallenge","headers":{"authorization":"Bearer %"},"body":"{\"openid\":\"oUser\"}"}`
	open := hosted.SCF(t, "challenge", map[string]string{"CHALLENGE_SECRET": secretText, "HTTP_BEARER_TOKENS": "a-bearer-token-of-the-test"}, hosted.Ample, log)
	assert.Contains(t, hosted.Invoke(t, open, []byte(strings.Replace(event, "%", "a-bearer-token-of-the-test", 1)), nil), `"statusCode":200`)
	assert.Contains(t, hosted.Invoke(t, open, []byte(strings.Replace(event, "%", "other", 1)), nil), `"statusCode":401`)
	closed := hosted.SCF(t, "challenge", map[string]string{"CHALLENGE_SECRET": secretText}, hosted.Ample, log)
	assert.Contains(t, hosted.Invoke(t, closed, []byte(strings.Replace(event, "%", "a-bearer-token-of-the-test", 1)), nil), `"statusCode":403`)
	assert.NotContains(t, log.String(), secretText)
}

func TestWrongConfigurationIsNamed(t *testing.T) {
	for says, variables := range map[string]map[string]string{
		"CHALLENGE_SECRET is not set":                                       {},
		"CHALLENGE_SECRET must be one or more secrets of at least 32 bytes": {"CHALLENGE_SECRET": "short"},
		"CHALLENGE_TTL must be a duration with its unit, such as 2m or 90s": {
			"CHALLENGE_SECRET": secretText, "CHALLENGE_TTL": "soon"},
		"CHALLENGE_TTL must be from": {
			"CHALLENGE_SECRET": secretText, "CHALLENGE_TTL": "25h"},
		"HTTP_BEARER_TOKENS is not used with HTTP_AUTH=platform": {
			"CHALLENGE_SECRET": secretText, "HTTP_AUTH": "platform", "HTTP_BEARER_TOKENS": "a-bearer-token-of-the-test"},
		"HTTP_BEARER_TOKENS must be secrets": {
			"CHALLENGE_SECRET": secretText, "HTTP_BEARER_TOKENS": "fifteen-bytes-."},
		"HTTP_BEARER_TOKENS must not hold a secret of CHALLENGE_SECRET": {
			"CHALLENGE_SECRET": secretText, "HTTP_BEARER_TOKENS": secretText},
		"HTTP_BASE_PATH must look like": {"CHALLENGE_SECRET": secretText, "HTTP_BASE_PATH": "/"},
		"HTTP_AUTH must be one of":      {"CHALLENGE_SECRET": secretText, "HTTP_AUTH": "open"},
	} {
		for _, runtime := range hosted.Both(t, "challenge", variables, hosted.Ample, new(hosted.Log)) {
			answer := hosted.Invoke(t, runtime, []byte(`{"openid":"oUser"}`), nil)
			assert.Contains(t, answer, says)
			assert.NotContains(t, answer, `"challenge"`)
		}
	}
}
