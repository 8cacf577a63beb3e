// Package wiring assembles the functions from their environment variables: it reads
// the settings, refuses what cannot work, and puts together the parts that the
// other packages are.
//
// [Openers.Verify], [Openers.Token] and [Openers.Challenge] are one function each, with the
// kinds of stores that they are built with. Each has one struct for its
// settings, with a field for each variable; docs/configuration.md explains them.
// readVariables fills the struct; a checker then collects every variable that cannot
// work, so that whoever deploys sees all mistakes at once. No message holds a value: it
// may be a secret.
package wiring

import "sotercall/internal/store"

// Openers are the kinds of stores that a function can have. The store of a variable that is
// set and has no Opener is refused.
type Openers []store.Opener
