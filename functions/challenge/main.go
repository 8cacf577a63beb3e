// Command challenge is the function openapi.soter.issueChallenge.
package main

import (
	"sotercall/internal/function"
	"sotercall/internal/wiring"
)

func main() { function.Main("challenge", wiring.Challenge) }
