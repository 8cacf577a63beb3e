package main

import (
	"context"
	"maps"
	"os"
	"strings"

	awssecrets "sotercall/internal/secrets"
	"sotercall/internal/wiring/deployed"
	"sotercall/internal/wiring/doctor"
)

// examine checks, against the real servers, the configuration in the caller's shell. It is
// that of functions/service, which takes the variables of all functions.
func examine(ctx context.Context, i invocation) error {
	added := i.environment("env")
	if _, err := i.parse(0); err != nil {
		return err
	}
	variables := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	maps.Copy(variables, added)
	report := doctor.Check(ctx, deployed.Stores().ServicePlan, awssecrets.Open, variables)
	if err := doctor.Print(report, i.out); err != nil {
		return err
	}
	if !report.Good() {
		return errFailed
	}
	return nil
}
