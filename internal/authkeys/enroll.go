package authkeys

import (
	"context"
	"fmt"

	"sotercall/internal/soter"
)

// Enrolment is an AuthKey with the proof of its origin.
type Enrolment struct {
	// OpenID is the owner of the AuthKey, as the backend knows from its own login: nothing
	// that the device signs names a user.
	OpenID string
	// ASKJSON is the device's export of its ASK, the text that verify_ask accepted, in
	// either form of [soter.ParseASK].
	ASKJSON []byte
	// AuthKeyJSON is the device's export of its AuthKey, byte for byte as it was signed.
	AuthKeyJSON []byte
	// Signature is the ASK's signature over AuthKeyJSON.
	Signature soter.Signature
}

// Enroll checks an AuthKey against its ASK and keeps it in a store. It replaces
// the one of the same user, device and app.
//
// The errors are those of [soter.ParseASK] and [soter.VerifyAuthKey], and those
// of [Store.Put].
func Enroll(ctx context.Context, store Store, e Enrolment) error {
	ask, err := soter.ParseASK(e.ASKJSON)
	if err != nil {
		return err
	}
	key, err := soter.VerifyAuthKey(ask, e.AuthKeyJSON, e.Signature[:])
	if err != nil {
		return err
	}
	kept := AuthKey{
		ID:      ID{OpenID: e.OpenID, CPUID: key.CPUID, UID: key.UID},
		PubKey:  string(key.Key.PEM()),
		Counter: key.Counter,
		Salt:    key.Salt,
	}
	if err := store.Put(ctx, kept); err != nil {
		return fmt.Errorf("keeping an AuthKey: %w", err)
	}
	return nil
}
