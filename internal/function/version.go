package function

import (
	"fmt"
	"io"
	"runtime"

	"sotercall/internal/version"
)

// isOnly reports whether a command line is one flag of a name. Platforms start a function
// without arguments.
func isOnly(args []string, name string) bool {
	return len(args) == 1 && (args[0] == "-"+name || args[0] == "--"+name)
}

// printVersion prints which version the function called name is, in one line.
func printVersion(w io.Writer, name string) {
	fmt.Fprintf(w, "%s %s %s %s/%s\n", name, version.String(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
