package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"sotercall/internal/secret"
	"sotercall/internal/upstream"
	"sotercall/internal/version"
)

// Planner makes the Plan of variables. The error lists the mistakes in them, separated by
// semicolons.
type Planner func(environment map[string]string) (Plan, error)

// IsAsked reports whether a command line requests a check: -check and nothing else.
func IsAsked(args []string) bool {
	return len(args) == 1 && slices.Contains([]string{"-check", "--check"}, args[0])
}

// Main checks the configuration in the process environment, prints the report, and returns
// the exit status: 0 if it is good, else 1.
func Main(plan Planner, open secret.OpenVault, stdout io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	environment := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		environment[name] = value
	}
	report := Check(ctx, plan, open, environment)
	if err := Print(report, stdout); err != nil || !report.Good() {
		return 1
	}
	return 0
}

// Print writes a report with the version and the platform above it.
func Print(report Report, w io.Writer) error {
	fmt.Fprintf(w, "sotercall %s, %s "+
		"%s/%s\n\n", version.String(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if err := report.Write(w); err != nil {
		return err
	}
	verdict := "Nothing has failed."
	if !report.Good() {
		verdict = "Begin with the first line that failed."
	}
	_, err := fmt.Fprintf(w, "\n%s The report holds no secret.\n", verdict)
	return err
}

// Check checks a configuration. First it reads the secrets from the vault that open opens,
// then it checks the variables. If they cannot work, it tries nothing else.
func Check(ctx context.Context, planner Planner, open secret.OpenVault, environment map[string]string) Report {
	var r Report
	// before anything is sent, to AWS as well
	if err := upstream.CheckProxy(environment); err != nil {
		r.fail("variables", err.Error(), "correct the variable; docs/configuration.md explains "+
			"each")
		return r
	}
	environment, known := withSecrets(ctx, &r, open, environment)
	if !known {
		r.skip("variables", "not judged without the secrets", "")
		return r
	}
	plan, err := planner(environment)
	if err != nil {
		for problem := range strings.SplitSeq(err.Error(), "; ") {
			r.fail("variables", problem, "")
		}
		r.skip("the rest", "not tried before the variables can work", "docs/configuration.md "+
			"explains each variable")
		return r
	}
	r.ok("variables", "accepted")
	r.Lines = append(r.Lines, Run(ctx, plan, false).Lines...)
	return r
}

// withSecrets returns environment with the secrets that are kept elsewhere.
func withSecrets(ctx context.Context, r *Report, open secret.OpenVault, environment map[string]string) (_ map[string]string, known bool) {
	const do = "give the role secretsmanager:GetSecretValue for the secret (and kms:Decrypt), " +
		"and compare the ARN and the region"
	kept, err := open(environment, time.Now)
	if err != nil {
		r.fail("secrets", err.Error(), "correct the variable; docs/configuration.md explains it")
		return nil, false
	}
	if kept == nil {
		return environment, true
	}
	values, err := step(ctx, func(ctx context.Context) (map[string]string, error) {
		values, _, err := kept.Values(ctx)
		return values, err
	})
	if err != nil {
		text := err.Error() // of a Failure: without the ARN, the account and the role
		if errors.Is(err, context.DeadlineExceeded) {
			r.fail("secrets", text, letOut)
		} else {
			r.fail("secrets", text, do)
		}
		return nil, false
	}
	r.ok("secrets", "read from Secrets Manager: "+
		""+strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	all := maps.Clone(environment)
	maps.Copy(all, values)
	return all, true
}
