// Package exampletest runs examples/. The Mini Program runs with a wx on top of the sandbox
// and the deployed functions, with its backend, and the clients in five languages.
package exampletest
