// Command service is verify, challenge and token behind one port: what a container
// runs. With -check it tries what its variables lead to, prints the report and ends. With
// -health it asks the service of the same container how it is, and its exit status says so.
package main

import (
	"os"

	"sotercall/internal/function"
	"sotercall/internal/store"
	"sotercall/internal/wiring/deployed"
	"sotercall/internal/wiring/doctor"
	"sotercall/internal/wiring/metrics"
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
