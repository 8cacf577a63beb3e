// Command soak drives a mixed load through the function verify, on stand-ins for all
// platforms at once. WeChat has one trouble after another. The load has genuine signatures,
// forgeries and junk, at several endpoints. It reports wrong responses, leaks, and
// forbidden lines in the log, and fails if there is one.
//
//	go run ./scripts/soak           for a minute
//	go run ./scripts/soak -for 8h   for longer
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"sotercall/internal/dev/gobuild"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// run prints the report, and fails if it has a problem.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	d := flags.Duration("for", time.Minute, "how long the load lasts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q: there are no arguments", flags.Arg(0))
	}
	report, err := buildAndSoak(ctx, *d, gobuild.Target{})
	if err != nil {
		return err
	}
	if err := report.writeMarkdown(stdout); err != nil {
		return err
	}
	if len(report.Problems()) > 0 {
		return errors.New("the load has shown problems")
	}
	return nil
}

// buildAndSoak runs a soak with a freshly built function.
func buildAndSoak(ctx context.Context, d time.Duration, target gobuild.Target) (_ Report, err error) {
	folder, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	binary := filepath.Join(folder, "verify")
	if err := target.Program(ctx, "functions/verify", binary); err != nil {
		return Report{}, err
	}
	s, err := openSoak(ctx, folder, binary)
	if err != nil {
		return Report{}, fmt.Errorf("hosting verify: %w", err)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return s.run(ctx, d)
}
