package wiring

import (
	"sotercall/internal/secret"
	"sotercall/internal/store"
)

// Public is how the packages of stores reach the types of package sotercall, which shows no
// type of ours to its users. Package sotercall sets it when it is linked, before any use.
var Public struct {
	// NewStore returns a *sotercall.Store of an Opener and the place to open.
	NewStore func(opener store.Opener, place string) any
	// AddStore makes a *sotercall.Env know an Opener, and SetVault a Vault.
	AddStore func(env any, opener store.Opener)
	SetVault func(env any, open secret.OpenVault)
}
