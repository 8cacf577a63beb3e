package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secret"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// versionBefore is the last commit that reached Redis through redigo, and DynamoDB by hand.
const versionBefore = "cab0369ae07a7fca35128f827b2fbcc3522badc9"

var before struct {
	sync.Once
	binary string
}

// binaryBefore is what buildBefore compiles for the first test that needs it, beside the
// binaries of hosted.
func binaryBefore(t *testing.T) string {
	t.Helper()
	before.Do(func() { before.binary = buildBefore(t, hosted.Binary("verify-before")) })
	if before.binary == "" {
		t.Skip("the version before could not be built")
	}
	return before.binary
}

// buildBefore compiles verify as it was at versionBefore. That needs the repository's
// history, and the modules of that time.
func buildBefore(t *testing.T, binary string) string {
	t.Helper()
	need.Time(t)
	root, err := gobuild.ModuleRoot(t.Context())
	require.NoError(t, err)
	archive := exec.CommandContext(t.Context(), "git", "archive", "--format=tar", versionBefore, "go.mod", "go.sum", "deploy", "functions", "internal")
	archive.Dir = root
	content, err := archive.Output()
	need.Met(t, wrap(err, "the history of the repository is needed, at least up to %s", versionBefore))
	folder := t.TempDir()
	unpack := exec.CommandContext(t.Context(), "tar", "-x", "-C", folder)
	unpack.Stdin = bytes.NewReader(content)
	need.Met(t, wrap(unpack.Run(), "tar"))
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", binary, "./functions/verify")
	build.Dir = folder
	build.Env = append(build.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly")
	output, err := build.CombinedOutput()
	need.Met(t, wrap(err, "the version before cannot be built: %s", output))
	return binary
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// ages are instances of verify, by their version.
type ages struct{ before, now []emulator.Runtime }

func newAges(t *testing.T, before string, variables map[string]string) (a ages) {
	t.Helper()
	for range 2 {
		old := hosted.Run(t, emulator.StartSCF, emulator.Function{Name: "verify", Binary: before, Env: variables, Timeout: 20 * time.Second, Log: new(hosted.Log)})
		a.before = append(a.before, old)
		a.now = append(a.now, hosted.SCF(t, "verify", variables, 20*time.Second, new(hosted.Log)))
	}
	return a
}

// phases are who is at work: first the version before, then both, then ours, and back
// again.
func (a ages) phases() map[string][]emulator.Runtime {
	both := []emulator.Runtime{a.before[0], a.now[0], a.before[1], a.now[1]}
	return map[string][]emulator.Runtime{"1 before": a.before, "2 both": both, "3 ours": a.now, "4 both again": both, "5 before again": a.before}
}

var order = []string{"1 before", "2 both", "3 ours", "4 both again", "5 before again"}

// forEachSharedStore runs a test with the variables of each store that a fleet shares.
func forEachSharedStore(t *testing.T, test func(t *testing.T, store map[string]string)) {
	for name, start := range hosted.Stores {
		t.Run(name, func(t *testing.T) { test(t, start(t).Variables) })
	}
}

// A fleet is upgraded, and rolled back, while it is at work on one store.
func TestUpgradeAndRollback(t *testing.T) { forEachSharedStore(t, upgradeAndRollback) }

func upgradeAndRollback(t *testing.T, store map[string]string) {
	before := binaryBefore(t)
	s := hosted.NewSandbox(t, sandbox.Options{Strict: true})
	const user = "oUpgrade-0123456789-01234567"
	variables := hosted.With(hosted.With(s.Variables(), store), map[string]string{
		"WECHAT_API_BASE":  hosted.Serve(t, s.Sandbox), // the version before cannot talk to a server with HTTP/2
		"CHALLENGE_SECRET": challengeKey, "COUNTER_POLICY": "enforce"})
	fleet := newAges(t, before, variables)
	issuer, err := challenge.NewIssuer([]secret.Text{secret.New(challengeKey)}, challenge.DefaultTTL, time.Now)
	require.NoError(t, err)
	phone, err := s.Phone(user, sandbox.Android)
	require.NoError(t, err)
	sign := func(phone *sandbox.Phone, openid string) []byte {
		issued, err := issuer.Issue(openid, "")
		require.NoError(t, err)
		signed, err := phone.Sign(issued.Text)
		require.NoError(t, err)
		return hosted.JSON(t, signed)
	}
	const path = "/cgi-bin/stable_token"
	var kept [][]byte // signatures that counted, and must never again

	for _, phase := range order {
		t.Run(phase, func(t *testing.T) {
			at := fleet.phases()[phase]
			for round := range need.OrLong(2, 3) {
				// A challenge counts once, a token is fetched once for all.
				s.RotateTokens()
				fetched := s.Requests(path)
				event := sign(phone, user)
				answers := make([]string, 8*len(at))
				var running sync.WaitGroup
				for i := range answers {
					running.Go(func() { answers[i] = hosted.Invoke(t, at[i%len(at)], event, nil) })
				}
				running.Wait()
				assert.Equal(t, 1, strings.Count(strings.Join(answers, "\n"), `"isOk":true`), answers)
				assert.NotContains(t, strings.Join(answers, "\n"), `"errCode":-`)
				assert.Equal(t, 1, s.Requests(path)-fetched, "fetches in round %d", round)
				kept = append(kept, event)
			}
			for _, event := range kept {
				for _, instance := range at {
					assert.Contains(t, hosted.Invoke(t, instance, event, nil), `"isOk":false`)
				}
			}
			// A counter that one has seen is not accepted again by the other.
			lower, higher := sign(phone, user), sign(phone, user)
			assert.Equal(t, hosted.Verified, hosted.Invoke(t, at[0], higher, nil))
			assert.Contains(t, hosted.Invoke(t, at[1], lower, nil), `"isOk":false`)
			assert.Equal(t, hosted.Verified, hosted.Invoke(t, at[1], sign(phone, user), nil), "the twin")
		})
	}
}

// Both orders of deployment. An old verify refuses a challenge for a purpose, and passes
// over the purpose of a request whose challenge has none: hence the order in
// docs/challenges.md.
func TestUpgradeToPurposes(t *testing.T) {
	const user, order = "oUpgrade-0123456789-01234567", "pay order 2026-0042"
	before := binaryBefore(t)
	s := hosted.NewSandbox(t, sandbox.Options{Strict: true})
	fleet := newAges(t, before, hosted.With(s.Variables(), map[string]string{
		"WECHAT_API_BASE": hosted.Serve(t, s.Sandbox), "CHALLENGE_SECRET": challengeKey}))
	issuer, err := challenge.NewIssuer([]secret.Text{secret.New(challengeKey)}, challenge.DefaultTTL, time.Now)
	require.NoError(t, err)
	phone, err := s.Phone(user, sandbox.Android)
	require.NoError(t, err)
	for _, c := range []struct {
		name          string
		issued, asked string
		before, now   bool
	}{
		{"no purpose, as ever", "", "", true, true},
		{"an old challenge function, a backend that sends purposes", "", order, true, false},
		{"a new challenge function", order, order, false, true},
		{"a new challenge function, no purpose at verify", order, "", false, false},
	} {
		for instance, genuine := range map[emulator.Runtime]bool{fleet.before[0]: c.before, fleet.now[0]: c.now} {
			issued, err := issuer.IssueFor(user, "", c.issued)
			require.NoError(t, err)
			signed, err := phone.Sign(issued.Text)
			require.NoError(t, err)
			event := hosted.JSON(t, signed)
			if c.asked != "" {
				event = []byte(`{"purpose":"` + c.asked + `",` + string(event[1:]))
			}
			answer := hosted.Invoke(t, instance, event, nil)
			assert.Equal(t, genuine, answer == hosted.Verified, "%s: %s", c.name, answer)
			assert.Contains(t, answer, `"errCode":0`, c.name)
		}
	}
}

// AuthKeys of our own, across an upgrade and back.
func TestUpgradeKeepsAuthKeys(t *testing.T) { forEachSharedStore(t, upgradeKeepsAuthKeys) }

func upgradeKeepsAuthKeys(t *testing.T, store map[string]string) {
	before := binaryBefore(t)
	fleet := newAges(t, before, hosted.With(store, map[string]string{"SOTER_VERIFIER": "local", "COUNTER_POLICY": "enforce"}))
	chain, counter := newChain(t), 5
	const enrolled = `{"errMsg":"openapi.soter.enrollAuthKey:ok","errCode":0}`
	for _, phase := range order {
		at := fleet.phases()[phase]
		for i := range at {
			enrolment := hosted.JSON(t, chain.enrolmentWith(t, counter))
			for _, instance := range at { // asking again is safe
				assert.Equal(t, enrolled, hosted.Invoke(t, instance, enrolment, nil), phase)
			}
			other := at[(i+1)%len(at)]
			assert.Equal(t, hosted.Verified, hosted.Invoke(t, other, chain.result(t, counter+1), nil), phase)
			assert.Contains(t, hosted.Invoke(t, at[i], chain.result(t, counter+1), nil), `"isOk":false`, phase)
			counter += 2
			newer := hosted.JSON(t, chain.enrolmentWith(t, counter))
			assert.Equal(t, enrolled, hosted.Invoke(t, at[i], newer, nil), phase)
			assert.NotEqual(t, enrolled, hosted.Invoke(t, other, enrolment, nil), "an older export: %s", phase)
			counter += 2
		}
	}
}
