package main

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"sotercall/internal/authkeys"
	"sotercall/internal/dev/hosting"
	"sotercall/internal/openapi"
	"sotercall/internal/soter"
)

// localVerification is a direct event to functions/verify with SOTER_VERIFIER=local and a
// file of AuthKeys, and the one step of it that cannot be left out.
type localVerification struct {
	ours func() error // from event bytes to response bytes
	bare func() error // rsa.VerifyPSS with the parsed key
}

func (b *bench) newLocal(ctx context.Context) (localVerification, error) {
	keys, err := b.enrolled()
	if err != nil {
		return localVerification{}, err
	}
	verify := (&openapi.VerifySignature{Verifier: authkeys.NewVerifier(keys)}).Calls(nil, nil)[0]
	backend := openapi.WithCaller(ctx, openapi.Backend())
	ours := func() error {
		if answer := verify.Serve(openapi.NewEvent(backend, b.event)); string(answer.Body) != hosting.Verified {
			return fmt.Errorf("a genuine signature was answered with %s", answer.Body)
		}
		return nil
	}
	bare, err := b.bareVerifyPSS()
	return localVerification{ours, bare}, err
}

// enrolled returns a file with the phone's AuthKey in it. It is as old as a deployed one,
// because a file that has just been written is read repeatedly.
func (b *bench) enrolled() (*authkeys.File, error) {
	path := filepath.Join(b.folder, fmt.Sprintf("authkeys-%d.json", time.Now().UnixNano()))
	content, err := json.Marshal(map[string][]authkeys.AuthKey{"authKeys": {{
		ID:     authkeys.ID{OpenID: b.phone.OpenID(), CPUID: b.phone.CPUID(), UID: b.phone.UID()},
		PubKey: b.phone.AuthKey(), Counter: 2, Salt: soter.Salt32, // the phone is a Huawei
	}}})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return nil, err
	}
	yesterday := time.Now().AddDate(0, 0, -1)
	if err := os.Chtimes(path, yesterday, yesterday); err != nil {
		return nil, err
	}
	return authkeys.NewFile(path), nil
}

func (b *bench) bareVerifyPSS() (func() error, error) {
	block, _ := pem.Decode([]byte(b.phone.AuthKey()))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signature, err := base64.StdEncoding.DecodeString(b.signed.JSONSignature)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(b.signed.JSONString))
	options := &rsa.PSSOptions{SaltLength: int(soter.Salt32), Hash: crypto.SHA256}
	return func() error {
		return rsa.VerifyPSS(key.(*rsa.PublicKey), crypto.SHA256, digest[:], signature, options)
	}, nil
}

func (b *bench) local(ctx context.Context) ([]Figure, error) {
	l, err := b.newLocal(ctx)
	if err != nil {
		return nil, err
	}
	samples, err := inTurns(ctx, b.localRuns, each(l.ours), each(l.bare))
	if err != nil {
		return nil, err
	}
	return []Figure{
		Figure{Name: "local verification, event bytes to answer bytes", Unit: Microseconds}.
			against("rsa.VerifyPSS", samples[0], samples[1], Goal{AtMost, 1.25}),
		{Name: "allocations of a local verification", Unit: Count, Ours: allocations(l.ours), Goal: Goal{Is: Fixed}},
	}, nil
}

// each measures a slice of work, in µs per run.
func each(work func() error) func() (float64, error) {
	return func() (float64, error) {
		begin := time.Now()
		for range localSlice {
			if err := work(); err != nil {
				return 0, err
			}
		}
		return microseconds(time.Since(begin)) / localSlice, nil
	}
}

// allocations measures those of one run of work, which has run before.
func allocations(work func() error) Spread {
	var counts []float64
	for range 5 {
		counts = append(counts, testing.AllocsPerRun(200, func() { _ = work() }))
	}
	return spreadOf(counts)
}

// throughput loads one process with concurrent verifications. The CPUs' capacity is
// measured twice. One is a VerifyPSS after the other, times the cores that are used. The
// other is as many VerifyPSS at once: it shows the part of a shortfall that other programs
// or shared cores cause.
func (b *bench) throughput(ctx context.Context) ([]Figure, error) {
	l, err := b.newLocal(ctx)
	if err != nil {
		return nil, err
	}
	var figures []Figure
	for _, concurrent := range []int{1, 2, 8, 64} {
		cores := min(concurrent, runtime.GOMAXPROCS(0))
		samples, err := inTurns(ctx, b.loads, b.rate(l.ours, concurrent), b.rate(l.bare, 1), b.rate(l.bare, concurrent))
		if err != nil {
			return nil, err
		}
		for i := range samples[1] {
			samples[1][i] *= float64(cores)
		}
		f := Figure{Name: fmt.Sprintf("local verifications, %d at once", concurrent), Unit: PerSecond}
		figures = append(figures,
			f.against(fmt.Sprintf("%d × one VerifyPSS at a time", cores), samples[0], samples[1], Goal{AtLeast, 0.8}),
			f.against(fmt.Sprintf("%d VerifyPSS at once", concurrent), samples[0], samples[2], Goal{AtLeast, 0.8}))
	}
	return figures, nil
}

// rate measures the runs of work per second, at that concurrency.
func (b *bench) rate(work func() error, concurrent int) func() (float64, error) {
	return func() (float64, error) {
		var wg sync.WaitGroup
		done, errs := make([]int, concurrent), make([]error, concurrent)
		begin := time.Now()
		for i := range concurrent {
			wg.Go(func() {
				n := 0
				for ; time.Since(begin) < b.load && errs[i] == nil; n++ {
					errs[i] = work()
				}
				done[i] = n
			})
		}
		wg.Wait()
		took := time.Since(begin).Seconds()
		total := 0
		for _, n := range done {
			total += n
		}
		return float64(total) / took, errors.Join(errs...)
	}
}
