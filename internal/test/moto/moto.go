// Package moto runs a stand-in for many AWS services for tests: moto's server, one process
// for all tests of a package, on loopback. Each test uses names of its own.
package moto

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"sotercall/internal/test/child"
	"sotercall/internal/test/need"
)

// Credentials of the server's clients. It accepts any, unless IAM is enforced.
const (
	Region    = "eu-west-1"
	AccessKey = "AKIDOFTHETESTWITHMOTO"
	SecretKey = "the-secret-access-key-of-the-test"
)

//go:embed serve.py
var program string

var shared child.Shared

// Start returns the URL of the server. The first test starts it. It needs Python: see
// package need.
func Start(t testing.TB) (url string) {
	t.Helper()
	return shared.Start(t, exec.Command(need.Python(t, "python"), "-c", program))
}

// StartWithIAM returns the URL of a server of the test's own. After the first free requests
// it refuses what the policies of a caller do not allow.
func StartWithIAM(t testing.TB, free int) (url string) {
	t.Helper()
	command := exec.Command(need.Python(t, "python"), "-c", program)
	command.Env = append(os.Environ(), fmt.Sprintf("INITIAL_NO_AUTH_ACTION_COUNT=%d", free))
	return child.Start(t, command)
}
