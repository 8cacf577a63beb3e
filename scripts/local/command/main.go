// Command command is what `go run ./scripts/local` builds and runs: its commands are
// in a table, commands.go. What they host is a world, world.go; package playground is
// the page.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"sotercall/scripts/local/parent"
)

// Exit statuses, as shells and other commands have them.
const (
	statusFailed      = 1
	statusUsage       = 2
	statusInterrupted = 130
)

// errFailed says that what went wrong has been told already.
var errFailed = errors.New("failed")

// usageError says that a command line cannot be meant.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func main() {
	// Whoever reads what is printed may leave early, as in demo | head. Without this
	// the process would die there, and leave its folder behind.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	if orphaned := parent.Gone(); orphaned != nil {
		go func() {
			<-orphaned
			cancel()
		}()
	}
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for the cleaning up
	stdout := &printer{out: os.Stdout}
	err := run(ctx, os.Args[1:], streams{os.Stdin, stdout, os.Stderr})
	if err == nil {
		err = stdout.failed()
	}
	os.Exit(exitStatus(ctx, err, os.Stderr))
}

// exitStatus tells what is left to tell of how a command ended, and returns the
// exit status for it.
func exitStatus(ctx context.Context, err error, stderr io.Writer) int {
	usage := (*usageError)(nil)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil: // whatever failed did so because it was stopped
		fmt.Fprintln(stderr, "local: interrupted")
		return statusInterrupted
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "local:", err)
		return statusUsage
	case !errors.Is(err, errFailed):
		fmt.Fprintln(stderr, "local:", err)
	}
	return statusFailed
}

// streams are what a command reads and prints.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// printer remembers that something could not be printed, so that a full disk does
// not go unnoticed. A reader that has left is no failure.
type printer struct {
	out io.Writer
	err error
}

// Write implements io.Writer.
func (p *printer) Write(b []byte) (int, error) {
	n, err := p.out.Write(b)
	if err != nil && p.err == nil {
		p.err = err
	}
	return n, err
}

func (p *printer) failed() error {
	if errors.Is(p.err, syscall.EPIPE) {
		return nil
	}
	return p.err
}
