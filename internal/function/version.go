package function

import (
	"fmt"
	"io"
	"runtime"
	"slices"

	"sotercall/internal/version"
)

// isVersion reports whether a command line requests the version. Platforms start a function
// without arguments.
func isVersion(args []string) bool {
	return len(args) == 1 && slices.Contains([]string{"-version", "--version"}, args[0])
}

// printVersion prints the version of the function called name, in one line.
func printVersion(w io.Writer, name string) {
	fmt.Fprintf(w, "%s %s %s %s/%s\n", name, version.String(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
