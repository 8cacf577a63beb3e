// Command challenge is the function openapi.soter.issueChallenge.
package main

import "sotercall/internal/wiring/deployed"

func main() { deployed.Main("challenge", deployed.Stores().Challenge) }
