// Package wiring assembles the functions from their environment variables: it reads
// the settings, refuses what cannot work, and puts together the parts that the
// other packages are.
//
// [Verify], [Token] and [Challenge] are one function each. What each of them can be
// told stands in one struct, its settings; docs/configuration.md explains it to who
// deploys.
package wiring
