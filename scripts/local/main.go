// Command local runs everything on this computer: the functions, as binaries, in
// stand-ins for AWS Lambda and Tencent SCF; WeChat, as the sandbox; and phones
// that sign. It needs Go, no account and no network.
//
//	go run ./scripts/local demo     a fingerprint verified, and what is refused
//	go run ./scripts/local          serves all of it on 127.0.0.1:9000
//	go run ./scripts/local invoke   runs one event
//	go run ./scripts/local sign     prints an event that a phone has signed
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: go run ./scripts/local [command] [flags]

  demo                 a fingerprint verified on both platforms, and what is refused
  (none) or serve      serve the functions, WeChat and the phones on 127.0.0.1:9000
  invoke               run one event: answer on stdout, log on stderr
  sign                 print an event that a phone has signed

Each command tells its flags with -h.
`

// errFailed says that what went wrong has been told already.
var errFailed = errors.New("failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errFailed):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	command := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	switch command {
	case "demo":
		return demo(ctx, flags, args, stdout, stderr)
	case "serve":
		return serve(ctx, flags, args, stdout, stderr)
	case "invoke":
		return invoke(ctx, flags, args, stdin, stdout, stderr)
	case "sign":
		return sign(ctx, flags, args, stdout)
	default:
		fmt.Fprint(stderr, usage)
		return fmt.Errorf("there is no command %q", command)
	}
}
