// Command lint finds what the compiler, vet and staticcheck pass over in this module,
// and exits with 1 if there is any:
//
//   - doc links, which name a thing in brackets, that lead nowhere: go/doc shows them as
//     they stand;
//   - binaries, archives, and files above 1 MiB among those that git has or would add.
//
// It checks the doc links of the packages that its arguments name, as go list has them.
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
	if err == nil {
		var files []string
		files, err = unwantedFiles(".")
		findings = append(findings, files...)
	}
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
