// Command command is built and run by `go run ./scripts/local`. Its commands are in a
// table, commands.go. They host a world, world.go; package playground is the page.
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

// errFailed says that the error has been printed already.
var errFailed = errors.New("failed")

func main() {
	// The reader of the output may leave early, as in demo | head. Without this the process
	// would die there, and leave its folder behind.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	if orphaned := parent.Gone(); orphaned != nil {
		go func() {
			<-orphaned
			cancel()
		}()
	}
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for the cleanup
	stdout := &printer{out: os.Stdout}
	err := run(ctx, os.Args[1:], streams{os.Stdin, stdout, os.Stderr})
	if err == nil {
		err = stdout.failed()
	}
	os.Exit(exitStatus(ctx, err, os.Stderr))
}

// exitStatus prints the error of a command, unless that is done, and returns its exit
// status.
func exitStatus(ctx context.Context, err error, stderr io.Writer) int {
	usage := (*usageError)(nil)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil: // the error only follows from being stopped
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

// streams are the input and output of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// printer remembers that something could not be printed, so that a full disk does not go
// unnoticed. A reader that has left is no failure.
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
