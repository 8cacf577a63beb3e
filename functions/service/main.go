// Command service is verify, challenge and token behind one port: what a container
// runs. With -check it tries what its variables lead to, prints the report and ends.
package main

import (
	"os"

	"sotercall/internal/doctor"
	"sotercall/internal/wiring/deployed"
)

func main() {
	if doctor.IsAsked(os.Args[1:]) {
		os.Exit(deployed.Check(deployed.Stores().ServicePlan, os.Stdout))
	}
	deployed.Main("service", deployed.Stores().Service)
}
