// Command token is the function that keeps the access_token for all others.
package main

import "sotercall/internal/wiring/deployed"

func main() { deployed.Main("token", deployed.Stores().Token) }
