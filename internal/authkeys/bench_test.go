package authkeys_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/openapi"
)

// warm is a verification with all that is done once behind it, and the bare
// rsa.VerifyPSS in it.
type warm struct {
	verify    func() // Verifier.Verify
	cloudCall func() // event bytes in, answer bytes out
	handler   func() // cloudCall with a Verifier that believes everything
	bare      func()
}

type believer struct{}

func (believer) Verify(context.Context, openapi.Request) (openapi.Verdict, error) {
	return openapi.Genuine(), nil
}

func newWarm(t testing.TB) warm {
	p, path := newHuaweiPhone(t), filepath.Join(t.TempDir(), "keys.json")
	kept, err := enrolled(t, p).Find(t.Context(), authkeys.ID{OpenID: user, CPUID: cpuID, UID: uid})
	require.NoError(t, err)
	write(t, path, kept)
	r := p.answer(t, 241)
	event := []byte(fmt.Sprintf(`{"openid":%s,"jsonString":%s,"jsonSignature":%s}`, quote(t, r.OpenID), quote(t, r.JSONString), quote(t, r.JSONSignature)))
	verifier := authkeys.NewVerifier(authkeys.NewFile(path))
	call := (&openapi.VerifySignature{Verifier: verifier}).Calls(nil, nil)[0]
	believing := (&openapi.VerifySignature{Verifier: believer{}}).Calls(nil, nil)[0]
	signature, err := base64.StdEncoding.DecodeString(r.JSONSignature)
	require.NoError(t, err)
	digest := sha256.Sum256([]byte(r.JSONString))
	options := &rsa.PSSOptions{SaltLength: int(p.salt), Hash: crypto.SHA256}
	ctx := backend(t)
	return warm{
		verify: func() {
			if v, err := verifier.Verify(ctx, r); err != nil || !v.IsGenuine() {
				t.Error(v.Reason(), err)
			}
		},
		cloudCall: func() {
			if answer := call.Serve(openapi.NewEvent(ctx, event)).Body; string(answer[:12]) != `{"isOk":true` {
				t.Errorf("%s", answer)
			}
		},
		handler: func() {
			if answer := believing.Serve(openapi.NewEvent(ctx, event)).Body; string(answer[:12]) != `{"isOk":true` {
				t.Errorf("%s", answer)
			}
		},
		bare: func() {
			if err := rsa.VerifyPSS(&p.authKey.PublicKey, crypto.SHA256, digest[:], signature, options); err != nil {
				t.Error(err)
			}
		},
	}
}

// benchmarkRatio reports what work costs as a multiple of rsa.VerifyPSS. The two
// run in turns and the best of each counts, so that the ratio holds on a busy
// machine; ns/op is both together.
func benchmarkRatio(b *testing.B, work, bare func()) {
	best, bareBest := time.Hour, time.Hour
	for b.Loop() {
		start := time.Now()
		work()
		middle := time.Now()
		bare()
		best, bareBest = min(best, middle.Sub(start)), min(bareBest, time.Since(middle))
	}
	b.ReportMetric(float64(best)/float64(bareBest), "x-VerifyPSS")
	b.ReportMetric(float64(best.Nanoseconds()), "ns/best")
	b.ReportMetric(testing.AllocsPerRun(100, work), "allocs/work")
}

func BenchmarkVerify(b *testing.B)      { w := newWarm(b); benchmarkRatio(b, w.verify, w.bare) }
func BenchmarkCloudCall(b *testing.B)   { w := newWarm(b); benchmarkRatio(b, w.cloudCall, w.bare) }
func BenchmarkHandlerOnly(b *testing.B) { w := newWarm(b); benchmarkRatio(b, w.handler, w.bare) }

// BenchmarkThroughput reports how much of the throughput of the bare
// rsa.VerifyPSS so many concurrent invocations reach, the best round of each.
func BenchmarkThroughput(b *testing.B) {
	w := newWarm(b)
	for _, concurrent := range []int{1, 2, 8, 64} {
		b.Run(fmt.Sprint(concurrent), func(b *testing.B) {
			const calls = 256 // in a round
			var best, bareBest float64
			for b.Loop() {
				best = max(best, perSecond(concurrent, calls, w.cloudCall))
				bareBest = max(bareBest, perSecond(concurrent, calls, w.bare))
			}
			b.ReportMetric(best/bareBest, "of-VerifyPSS")
			b.ReportMetric(best, "calls/s")
		})
	}
}

func perSecond(concurrent, calls int, work func()) float64 {
	start := time.Now()
	var wg sync.WaitGroup
	for range concurrent {
		wg.Go(func() {
			for range calls / concurrent {
				work()
			}
		})
	}
	wg.Wait()
	return float64(calls) / time.Since(start).Seconds()
}

// Beyond those of rsa.VerifyPSS there are 16 allocations for reading the event
// and wording the answer, and 15 for reading the result. The race detector
// empties the JSON decoder's pool at random, hence the slack.
func TestVerificationAllocatesAFixedNumber(t *testing.T) {
	w := newWarm(t)
	bare := testing.AllocsPerRun(100, w.bare)
	require.LessOrEqual(t, testing.AllocsPerRun(100, w.verify)-bare, 20.0)
	require.LessOrEqual(t, testing.AllocsPerRun(100, w.cloudCall)-bare, 40.0)
}
