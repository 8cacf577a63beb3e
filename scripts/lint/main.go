// Command lint finds what the compiler, vet and staticcheck pass over in this module, and
// exits with 1 if there is any:
//
//   - doc links, which name a thing in brackets, that lead nowhere: go/doc shows them as
//     they stand;
//   - binaries, archives, and files above 1 MiB among those that git has or would add;
//   - words in comments that make a reader read twice, lines with a comment above 100
//     columns, and sentences above 25 words in doc comments;
//   - such words and long sentences in the English pages, and links between pages that lead
//     nowhere;
//   - binaries, archives, and files above 1 MiB among those that git has or would add.
//
// Comments of tests are not read. Run it in the folder of go.mod. The patterns in its
// arguments, as in go list, limit the search for doc links.
package main

import (
	"fmt"
	"os"
	"slices"
)

func main() {
	patterns := os.Args[1:]
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	findings, err := lint(".", patterns)
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

// lint returns the findings of all checks in the module at root.
func lint(root string, patterns []string) ([]string, error) {
	findings, err := docLinks(root, patterns...)
	if err != nil {
		return nil, err
	}
	files, err := unwantedFiles(root)
	if err != nil {
		return nil, err
	}
	texts, err := checkTexts(root)
	return slices.Concat(findings, files, texts), err
}
