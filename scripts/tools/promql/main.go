// Command promql reads PromQL with Prometheus' own parser, one expression in a line of
// standard input. It prints what is wrong with each, and then exits with 1.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	status := 0
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(in.Text()); err != nil {
			fmt.Printf("%s: %v\n", in.Text(), err)
			status = 1
		}
	}
	os.Exit(status)
}
