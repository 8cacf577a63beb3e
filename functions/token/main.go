// Command token is the function that keeps the access_token for all others.
package main

import (
	"sotercall/internal/function"
	"sotercall/internal/wiring"
)

func main() { function.Main("token", wiring.Token) }
