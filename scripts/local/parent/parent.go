// Package parent ends a program that `go run` has started when the go command ends. Signals
// to the go command's process do not reach the program. Without this it would go on serving
// unnoticed.
package parent

import (
	"os"
	"path/filepath"
	"strings"
)

// Gone returns a channel that is closed when the parent process has ended. It is nil when
// the parent is not the go command: a program that a shell has started may outlive the
// shell.
func Gone() <-chan struct{} {
	pid := os.Getppid()
	if !isGo(program(pid)) {
		return nil
	}
	gone := make(chan struct{})
	go func() {
		await(pid)
		close(gone)
	}()
	return gone
}

// isGo reports whether a path or a name is that of the go command.
func isGo(program string) bool {
	name := strings.ToLower(filepath.Base(strings.TrimSpace(program)))
	return name == "go" || name == "go.exe"
}
