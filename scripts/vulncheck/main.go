// Command vulncheck looks for known vulnerabilities in the functions' code and modules,
// with the version of govulncheck that go.mod names.
//
//	go run ./scripts/vulncheck            the whole module
//	go run ./scripts/vulncheck -db URL    by another database than the Go project's
//
// It fails if a function that is known to be vulnerable is called, and if govulncheck
// itself fails. One failure is only reported: the Go project's database cannot be reached.
// Many build machines have no internet access, and a check that did not run has found
// nothing.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vulncheck:", err)
		os.Exit(1)
	}
}

// unreachable matches govulncheck's error if it could not connect. That is net/http's error
// of a request without a reply, within its own text. A reply that is not the database is a
// failure.
var unreachable = regexp.MustCompile(`(?m)^govulncheck: fetching vulnerabilities: Get "https?://[^"]+": (.+)$`)

func run(ctx context.Context, args []string, stdout io.Writer) error {
	arguments := append([]string{"tool", "govulncheck"}, args...)
	if !hasPattern(args) {
		arguments = append(arguments, "./...")
	}
	var said bytes.Buffer
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Stdout, command.Stderr = stdout, &said
	err := command.Run()
	if err == nil {
		return nil
	}
	if match := unreachable.FindSubmatch(said.Bytes()); match != nil {
		fmt.Fprintf(stdout, "Not checked: the database of vulnerabilities cannot be reached (%s).\n", match[1])
		return nil
	}
	return fmt.Errorf("govulncheck: %w\n%s", err, said.Bytes())
}

// hasPattern reports whether the arguments name packages, beside -db.
func hasPattern(args []string) bool {
	return len(args) != 0 && (len(args) != 2 || args[0] != "-db")
}
