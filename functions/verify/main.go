// Command verify is the function openapi.soter.verifySignature.
package main

import "sotercall/internal/wiring/deployed"

func main() { deployed.Main("verify", deployed.Stores().Verify) }
