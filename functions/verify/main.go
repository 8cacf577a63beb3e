// Command verify is the function openapi.soter.verifySignature.
package main

import (
	"sotercall/internal/function"
	"sotercall/internal/wiring"
)

func main() { function.Main("verify", wiring.Verify) }
