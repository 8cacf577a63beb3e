package wiring

import (
	"sotercall/internal/secret"
	"sotercall/internal/store"
)

// Public connects the packages of stores with the types of package sotercall, which exports
// no internal type. Package sotercall sets it in its init.
var Public struct {
	// NewStore returns a *sotercall.Store of an Opener and the place to open.
	NewStore func(opener store.Opener, place store.Place) any
	// AddStore adds an Opener to a *sotercall.Env, and SetVault a Vault.
	AddStore func(env any, opener store.Opener)
	SetVault func(env any, open secret.OpenVault)
}
