package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/hosting"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/upstream"
)

const (
	// workers invoke each function at once: Lambda takes them one by one.
	workers = 4
	// recovery is how long a function may take, after a trouble has ended, until
	// it verifies again.
	recovery = 10 * time.Second
)

// soak is a mixed load on the functions of all platforms at once.
type soak struct {
	clock     clock
	upstream  *hosting.Upstream
	probes    []probe
	functions []*soaked
	log       suspectLog
}

// soaked is one function under the load.
type soaked struct {
	*hosting.Function
	platform string
	process  hosting.Process // as it was when the load began

	mu     sync.Mutex
	result PlatformResult // guarded by mu
}

// openSoak hosts a binary of verify on each platform. The caller must close the soak.
func openSoak(ctx context.Context, folder, binary string) (_ *soak, err error) {
	s := &soak{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	s.upstream, err = hosting.OpenUpstream(folder, sandbox.Options{Now: s.clock.now, ExpiresIn: tokenLife})
	if err != nil {
		return nil, err
	}
	if s.probes, err = probes(s.upstream.Sandbox); err != nil {
		return nil, err
	}
	variables := s.upstream.Variables()
	variables["HTTP_BEARER_TOKENS"] = bearer
	for i, on := range emulator.Platforms {
		f, err := hosting.Start(ctx, on, i, emulator.Function{
			Name: "verify", Binary: binary, Env: variables, Timeout: soakTimeout, Log: &s.log,
		})
		if err != nil {
			return nil, err
		}
		s.functions = append(s.functions, &soaked{Function: f, platform: on.Title, result: PlatformResult{Platform: on.Title}})
	}
	return s, nil
}

func (s *soak) close() error {
	var errs []error
	for _, f := range s.functions {
		errs = append(errs, f.Close())
	}
	if s.upstream != nil {
		s.upstream.Close()
	}
	return errors.Join(errs...)
}

// run drives the load for about d: round after round, each with another trouble.
func (s *soak) run(ctx context.Context, d time.Duration) (Report, error) {
	if err := s.round(ctx, trouble{}); err != nil { // creates connections, tokens and threads
		return Report{}, err
	}
	report := Report{Date: time.Now().Format(time.DateOnly), Machine: hosting.ThisMachine()}
	for _, f := range s.functions {
		f.begin()
	}
	report.Goroutines.Start = runtime.NumGoroutine()
	began := time.Now()
	if err := s.rounds(ctx, began.Add(d), &report); err != nil {
		return Report{}, err
	}
	if err := s.round(ctx, trouble{}); err != nil { // as at the start
		return Report{}, err
	}
	report.Seconds = time.Since(began).Seconds()
	report.Goroutines.End = runtime.NumGoroutine()
	for _, f := range s.functions {
		report.Platforms = append(report.Platforms, f.end())
	}
	report.Panics, report.Races, report.Secrets, report.Suspect = s.log.findings()
	return report, nil
}

func (s *soak) rounds(ctx context.Context, until time.Time, report *Report) error {
	kinds := troubles()
	next, times := make([]time.Time, len(kinds)), make([]int, len(kinds))
	for i := 0; time.Now().Before(until); i = (i + 1) % len(kinds) {
		t := kinds[i]
		switch {
		case time.Now().Before(next[i]), t.most > 0 && times[i] == t.most, time.Now().Add(t.takes).After(until):
			continue
		}
		if err := s.round(ctx, t); err != nil {
			return err
		}
		next[i] = time.Now().Add(t.pause)
		times[i]++
		report.Rounds++
	}
	for _, n := range times {
		if n > 0 {
			report.Troubles++
		}
	}
	return nil
}

// round makes every probe once on every platform, in trouble, and then waits until the
// functions have recovered.
func (s *soak) round(ctx context.Context, t trouble) error {
	if t.begin != nil {
		t.begin(s.upstream.Sandbox, &s.clock)
	}
	for _, fault := range t.faults {
		if err := s.upstream.Inject(fault); err != nil {
			return err
		}
	}
	errs := make([]error, len(s.functions))
	var wg sync.WaitGroup
	for i, f := range s.functions {
		wg.Go(func() { errs[i] = f.ask(ctx, s.probes, t) })
	}
	wg.Wait()
	s.upstream.ClearFaults()
	if err := errors.Join(errs...); err != nil || len(t.excused) == 0 {
		return err
	}
	for _, f := range s.functions {
		if err := f.recover(ctx, s.probes[0], t); err != nil {
			return err
		}
	}
	return nil
}

// ask lets the workers make all probes, in random order.
func (f *soaked) ask(ctx context.Context, probes []probe, t trouble) error {
	waiting := make(chan probe, len(probes))
	for _, i := range rand.Perm(len(probes)) {
		if f.platform == "SCF" || probes[i].environment == nil {
			waiting <- probes[i]
		}
	}
	close(waiting)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for q := range waiting {
				if _, errs[i] = f.put(ctx, q, t); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// put makes one probe, and counts. It returns the response.
func (f *soaked) put(ctx context.Context, q probe, t trouble) ([]byte, error) {
	answer, err := f.Invoke(ctx, emulator.Call{Payload: q.event, Environment: q.environment})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.result.Calls++
	if answer.FunctionError != "" {
		f.result.FunctionErrors++
		f.result.complain("in trouble %q: %s: function error %s", t.name, q.name, answer.Payload)
		return answer.Payload, nil
	}
	if problem := q.judge(answer.Payload, t.excused); problem != "" {
		f.result.Wrong++
		f.result.complain("in trouble %q: %s", t.name, problem)
	}
	return answer.Payload, nil
}

// recover repeats a genuine probe until it is verified.
func (f *soaked) recover(ctx context.Context, genuine probe, t trouble) error {
	for limit := time.Now().Add(recovery); time.Now().Before(limit); {
		answer, err := f.put(ctx, genuine, t)
		if err != nil {
			return err
		}
		if string(answer) == hosting.Verified {
			return nil
		}
		if err := upstream.Sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.result.Wrong++
	f.result.complain("has not recovered from trouble %q after %s", t.name, recovery)
	return nil
}

// begin records the resources of the process before the load.
func (f *soaked) begin() {
	var err error
	if f.process, err = f.Process(); err != nil {
		f.result.Unmeasured = err.Error()
		return
	}
	f.result.Resident.Start, f.result.Descriptors.Start = f.usage()
}

// end records the resources after the load, and whether the process is still the same.
func (f *soaked) end() PlatformResult {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.result.Unmeasured != "" {
		return f.result
	}
	now, err := f.Process()
	if err != nil || now != f.process {
		f.result.FunctionErrors++
		f.result.complain("the process has ended under the load")
		return f.result
	}
	f.result.Resident.End, f.result.Descriptors.End = f.usage()
	return f.result
}

func (f *soaked) usage() (resident int64, descriptors int) {
	resident, err := f.process.Resident()
	if err != nil {
		f.result.Unmeasured = err.Error()
	}
	descriptors, err = f.process.Descriptors()
	if err != nil {
		f.result.Unmeasured = err.Error()
	}
	return resident, descriptors
}
