// Command service is verify, challenge and token behind one port: what a container
// runs.
package main

import (
	"sotercall/internal/function"
	"sotercall/internal/wiring"
)

func main() { function.Main("service", wiring.Service) }
