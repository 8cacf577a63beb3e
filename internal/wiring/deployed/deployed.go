// Package deployed adds to the functions what only a deployed binary has, and a program
// that embeds the calls need not link. That is AWS Secrets Manager, the platforms that
// start the process, and every kind of store. The commands in functions/ call it.
package deployed

import (
	"io"
	"os"
	"slices"

	"sotercall/internal/adapter/platforms"
	"sotercall/internal/function"
	"sotercall/internal/secrets"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/redis"
	"sotercall/internal/wiring"
	"sotercall/internal/wiring/doctor"
)

// Stores returns all kinds of stores. The variables select one.
func Stores() wiring.Openers {
	return wiring.Openers{redis.Opener(wiring.WallClock), dynamodb.Opener(wiring.WallClock)}
}

// Main hosts the function called name on the platform that has started the process, and
// ends with it; see [function.Main]. Started with -health, it checks the server of
// the same container; see [platforms.CheckHealth].
func Main(name string, build function.Builder, options ...function.Option) {
	if len(os.Args) == 2 && slices.Contains([]string{"-health", "--health"}, os.Args[1]) {
		os.Exit(platforms.CheckHealth(os.Stdout))
	}
	function.Main(name, build, secrets.Open, platforms.Start, options...)
}

// Check checks the configuration in the process environment, prints the report, and returns
// the exit status; see [doctor.Main].
func Check(plan doctor.Planner, stdout io.Writer) int {
	return doctor.Main(plan, secrets.Open, stdout)
}
