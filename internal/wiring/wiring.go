// Package wiring assembles the functions from their environment variables. It reads the
// settings, refuses those that cannot work, and connects the parts of the other packages.
//
// [Openers.Verify], [Openers.Token] and [Openers.Challenge] are one function each, with the
// linked kinds of stores. Each has one struct for its settings, with a field for each
// variable; docs/configuration.md explains them. readVariables fills the struct. A checker
// then collects every variable that cannot work, so that the deployer sees all mistakes at
// once. No message holds a value: it may be a secret.
package wiring

import "sotercall/internal/store"

// Openers are the kinds of stores that a function can have. A store variable without an
// Opener is refused.
type Openers []store.Opener
