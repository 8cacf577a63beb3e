// Package exampletest runs what stands in examples/: the Mini Program with a wx that
// stands on the sandbox and on the functions as they are deployed, its backend, and
// the clients in five languages.
package exampletest
