package soter

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// benchResult has the members and about the length of a Huawei phone's.
const benchResult = `{"bo_t":"1","raw":"cd99c126b2fa8cc2022b8fbaa288fd37735c824c1712735791","fid":"761123376","counter":59,"tee_n":"hwteeos","tee_v":"version_1.0","fp_n":"fpc_goodix","fp_v":"goodix_1.0","rsa_pss_saltlen":32,"cpu_id":"HUAWEI_HWHMA_604a9644-ac64-423d-a718-dab935a1140e-3b0e1228","uid":"10316","fc_n":"hwbioalgo","fc_v":"bioalgo_1.0"}`

// benchTwin answers a whole local verification and the bare rsa.VerifyPSS in it.
func benchTwin(t testing.TB) (whole, bare func()) {
	key, sig := publicKey(t, deviceKey()), sign(t, deviceKey(), []byte(benchResult), Salt32)
	text, digest := encodeSignature(sig), sha256.Sum256([]byte(benchResult))
	options := &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}
	whole = func() {
		if _, err := key.VerifyResult(benchResult, text); err != nil {
			t.Fatal(err)
		}
	}
	bare = func() {
		if err := rsa.VerifyPSS(&deviceKey().PublicKey, crypto.SHA256, digest[:], sig[:], options); err != nil {
			t.Fatal(err)
		}
	}
	return whole, bare
}

// BenchmarkVerifyResult reports what a whole local verification costs as a
// multiple of the rsa.VerifyPSS in it. The two run in turns and the best of each
// counts, so that the ratio holds on a busy machine; ns/op is both together.
func BenchmarkVerifyResult(b *testing.B) {
	whole, bare := benchTwin(b)
	wholeBest, bareBest := time.Hour, time.Hour
	for b.Loop() {
		start := time.Now()
		whole()
		middle := time.Now()
		bare()
		wholeBest = min(wholeBest, middle.Sub(start))
		bareBest = min(bareBest, time.Since(middle))
	}
	b.ReportMetric(float64(wholeBest)/float64(bareBest), "x-VerifyPSS")
	b.ReportMetric(float64(wholeBest.Nanoseconds()), "ns/best")
	b.ReportMetric(testing.AllocsPerRun(100, whole), "allocs/verify")
}

func BenchmarkParseResult(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseResult(benchResult); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePublicKey(b *testing.B) {
	text := publicKey(b, deviceKey()).PEM()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePublicKey(text); err != nil {
			b.Fatal(err)
		}
	}
}

// The allocations beyond those of rsa.VerifyPSS: the bytes to sign, one string
// per member that Result keeps, the two numbers and the reader itself. The race
// detector empties the decoder's pool at random, hence the slack.
func TestVerifyResultAllocatesLittle(t *testing.T) {
	whole, bare := benchTwin(t)
	extra := testing.AllocsPerRun(100, whole) - testing.AllocsPerRun(100, bare)
	require.LessOrEqual(t, extra, 20.0)
}
