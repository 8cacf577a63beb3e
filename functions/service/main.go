// Command service is verify, challenge and token behind one port: the program of a
// container. With -check it tries its configuration, prints the report and ends.
// With -health it checks the service of the same container; its exit status is the result.
package main

import (
	"os"

	"sotercall/internal/doctor"
	"sotercall/internal/function"
	"sotercall/internal/metrics"
	"sotercall/internal/store"
	"sotercall/internal/wiring/deployed"
)

func main() {
	if doctor.IsAsked(os.Args[1:]) {
		os.Exit(deployed.Check(deployed.Stores().ServicePlan, os.Stdout))
	}
	build, options := deployed.Stores().Service, []function.Option(nil)
	if os.Getenv(function.MetricsVariable) != "" {
		m := metrics.New(store.Items)
		build, options = deployed.Stores().ObservedService(m), append(options, function.WithMetrics(m))
	}
	deployed.Main("service", build, options...)
}
