// Command lint finds what the compiler, vet and staticcheck pass over in the texts of this
// module, and exits with 1 if there is any:
//
//   - doc links, which name a thing in brackets, that lead nowhere: go/doc shows them as
//     they stand.
//
// It checks the packages that the patterns in its arguments name, as go list has them.
package main

import (
	"fmt"
	"os"
)

func main() {
	patterns := os.Args[1:]
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	findings, err := docLinks(".", patterns...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for _, finding := range findings {
		fmt.Println(finding)
	}
	if len(findings) > 0 {
		os.Exit(1)
	}
}
