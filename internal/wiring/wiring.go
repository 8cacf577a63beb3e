// Package wiring assembles the functions from their environment variables: it reads
// the settings, refuses what cannot work, and puts together the parts that the
// other packages are.
//
// [Verify], [Token] and [Challenge] are one function each. Each has one struct for its
// settings, with a field for each variable; docs/configuration.md explains them.
// readVariables fills the struct; a checker then collects every variable that cannot
// work, so that whoever deploys sees all mistakes at once. No message holds a value: it
// may be a secret.
package wiring
