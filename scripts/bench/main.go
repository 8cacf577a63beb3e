// Command bench measures the functions on this computer, and compares each figure with a
// baseline that runs in turns with it. Baselines are the platform's libraries or crypto/rsa
// alone, the least program that does the same, and the official SDK. A busy computer slows
// both sides, so the ratio holds where the milliseconds do not.
//
//	go run ./scripts/bench                  all figures, as a Markdown table
//	go run ./scripts/bench -only warm,zip   some of them
//	go run ./scripts/bench -quick           a look: too few repetitions to quote
//	go run ./scripts/bench -json            for programs
//
// The functions run as the deployed binaries, on stand-ins for AWS Lambda and Tencent SCF,
// in front of a sandbox behind TLS. The baseline programs are in the folder baseline. The
// baseline of a warm call is a handler that writes one log line by slog's JSONHandler, with
// as many fields as the functions write. The row without a log line is for comparison only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"sotercall/internal/dev/hosting"
	"sotercall/internal/dev/sandbox"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	asJSON := flags.Bool("json", false, "print JSON")
	only := flags.String("only", "", "the figures to measure, of "+strings.Join(groupNames(), ","))
	quick := flags.Bool("quick", false, "few repetitions")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	b, err := open(ctx, effort(*quick), stderr)
	if err != nil {
		return err
	}
	defer b.close()
	b.installSDK = true
	report, err := b.measure(ctx, chosen)
	if err != nil {
		return err
	}
	if *asJSON {
		return report.writeJSON(stdout)
	}
	return report.writeMarkdown(stdout)
}

// repetitions are the numbers of measurements.
type repetitions struct {
	starts     int           // of a Go function
	nodeStarts int           // of Node.js with the SDK
	colds      int           // first responses, for each delay
	warmCalls  int           // invocations of each warm function, in the first round
	warmRounds int           // with processes of their own
	warmSlice  int           // invocations in one measurement
	localRuns  int           // of the local verification, in slices of localSlice
	loads      int           // rounds of each concurrency
	load       time.Duration // of one round
}

const localSlice = 50

func effort(quick bool) repetitions {
	if quick {
		return repetitions{starts: 3, nodeStarts: 1, colds: 2, warmCalls: 40, warmRounds: 2, warmSlice: 10, localRuns: 5, loads: 2, load: 5 * time.Millisecond}
	}
	return repetitions{starts: 201, nodeStarts: 11, colds: 41, warmCalls: 10_000, warmRounds: 6, warmSlice: 100, localRuns: 1000, loads: 60, load: 40 * time.Millisecond}
}

// group is a set of figures that are measured together.
type group struct {
	name    string
	measure func(*bench, context.Context) ([]Figure, error)
}

func groups() []group {
	return []group{
		{"start", (*bench).starting},
		{"node", (*bench).againstNode},
		{"first", (*bench).firstAnswer},
		{"cold", (*bench).cold},
		{"warm", (*bench).warm},
		{"http", (*bench).http},
		{"zip", (*bench).zip},
		{"local", (*bench).local},
		{"throughput", (*bench).throughput},
	}
}

func groupNames() []string {
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

// choose returns groups by their names, separated by commas; "" is all.
func choose(names string) ([]group, error) {
	if names == "" {
		return groups(), nil
	}
	var chosen []group
	for name := range strings.SplitSeq(names, ",") {
		i := slices.Index(groupNames(), name)
		if i < 0 {
			return nil, fmt.Errorf("-only %s: there is %s", name, strings.Join(groupNames(), ", "))
		}
		chosen = append(chosen, groups()[i])
	}
	return chosen, nil
}

// bench has the parts that all measurements share.
type bench struct {
	repetitions
	folder     string // of the binaries, and of other files
	upstream   *hosting.Upstream
	event      []byte // genuine
	phone      *sandbox.Phone
	signed     sandbox.Signed // the parts of event
	installSDK bool           // whether wx-server-sdk may be installed
	hosts      int            // functions hosted so far
	progress   io.Writer
}

// open builds the programs. The caller must close the bench.
func open(ctx context.Context, r repetitions, progress io.Writer) (_ *bench, err error) {
	b := &bench{repetitions: r, progress: progress}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.folder, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	if err := build(ctx, b.folder, "verify", "service", "bare", "call"); err != nil {
		return nil, err
	}
	if b.upstream, err = hosting.OpenUpstream(b.folder, sandbox.Options{}); err != nil {
		return nil, err
	}
	if b.phone, err = b.upstream.Phone("oBench", sandbox.Huawei); err != nil {
		return nil, err
	}
	if b.signed, err = b.phone.Sign("challenge-of-the-bench"); err != nil {
		return nil, err
	}
	b.event = hosting.Event(b.signed)
	return b, nil
}

func (b *bench) close() {
	if b.upstream != nil {
		b.upstream.Close()
	}
	_ = os.RemoveAll(b.folder)
}

// measure runs the groups. One that cannot be measured at all ends the run.
func (b *bench) measure(ctx context.Context, chosen []group) (Report, error) {
	report := Report{Date: time.Now().Format(time.DateOnly), Machine: hosting.ThisMachine()}
	for _, g := range chosen {
		begin := time.Now()
		figures, err := g.measure(b, ctx)
		if err != nil {
			return Report{}, fmt.Errorf("%s: %w", g.name, err)
		}
		report.Figures = append(report.Figures, figures...)
		fmt.Fprintf(b.progress, "%s: %.1f s\n", g.name, time.Since(begin).Seconds())
	}
	return report, nil
}
