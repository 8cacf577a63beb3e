package challenge_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/soter"
	"sotercall/internal/test/need"
)

// phone signs as a device does, and is the verifier that holds its key.
type phone struct {
	private *rsa.PrivateKey
	public  *soter.PublicKey
}

func newPhone(t testing.TB) phone {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	public, err := soter.NewPublicKey(&private.PublicKey)
	require.NoError(t, err)
	return phone{private, public}
}

func (p phone) sign(t testing.TB, openid, raw string, counter uint64) openapi.Request {
	jsonString := resultJSON(raw, counter)
	digest := sha256.Sum256([]byte(jsonString))
	signature, err := rsa.SignPSS(rand.Reader, p.private, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: 20})
	require.NoError(t, err)
	return openapi.Request{OpenID: openid, JSONString: jsonString, JSONSignature: base64.StdEncoding.EncodeToString(signature)}
}

func (p phone) Verify(_ context.Context, r openapi.Request) (openapi.Verdict, error) {
	_, err := p.public.VerifyResult(r.JSONString, r.JSONSignature)
	if errors.Is(err, soter.ErrWrongSignature) {
		return openapi.Wrong("wrong signature"), nil
	}
	if err != nil {
		return openapi.Verdict{}, err
	}
	return openapi.Genuine(), nil
}

// Eight instances of the function share a ledger, and 64 submit one answer at the same
// time, twice. scripts/test -long makes 40 such storms of 200.
func TestOfManySimultaneousSubmissionsOneIsGenuine(t *testing.T) {
	storms, times := need.OrLong(2, 40), need.OrLong(64, 200)
	phone := newPhone(t)
	for name, open := range ledgers {
		t.Run(name, func(t *testing.T) {
			instances := [8]*challenge.Verifier{}
			for n, ledger := range open(t, len(instances)) {
				instances[n] = &challenge.Verifier{Issuer: newIssuer(t, nil), Next: phone, Ledger: ledger, Policy: challenge.EnforceCounter}
			}
			forged := phone.sign(t, alice, issue(t, instances[0].Issuer, alice), 1)
			forged.JSONString = resultJSON(issue(t, instances[0].Issuer, alice), 2)
			verdict, err := instances[0].Verify(t.Context(), forged)
			require.NoError(t, err)
			require.Equal(t, openapi.Wrong("wrong signature"), verdict)

			for storm := range storms {
				r := phone.sign(t, alice, issue(t, instances[0].Issuer, alice), uint64(41+2*storm))
				genuine, reasons := submit(t, times, instances, r)
				assert.Equal(t, 1, genuine, "storm %d", storm)
				assert.Equal(t, map[string]int{"the challenge was used before": times - 1}, reasons, "storm %d", storm)

				verdict, err = instances[1].Verify(t.Context(), phone.sign(t, alice, issue(t, instances[1].Issuer, alice), uint64(42+2*storm)))
				require.NoError(t, err)
				assert.Equal(t, openapi.Genuine(), verdict, "the next answer")
			}
		})
	}
}

// submit submits r at the same time as often as it is told, to all in turn.
func submit(t *testing.T, times int, instances [8]*challenge.Verifier, r openapi.Request) (genuine int, reasons map[string]int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	reasons = map[string]int{}
	start := make(chan struct{})
	for n := range times {
		all.Go(func() {
			<-start
			verdict, err := instances[n%len(instances)].Verify(t.Context(), r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case !assert.NoError(t, err):
			case verdict.IsGenuine():
				genuine++
			default:
				reasons[verdict.Reason()]++
			}
		})
	}
	close(start)
	all.Wait()
	return genuine, reasons
}
