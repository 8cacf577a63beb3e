// Package authkeys is SOTER_VERIFIER=local: it keeps the AuthKeys of users and judges
// signatures with them.
//
// It is for tests, and for apps that embed Tencent's open-source SOTER (Tencent/soter),
// whose own backend receives their AuthKeys. WeChat makes and keeps the AuthKeys of Mini
// Programs and never publishes them. For those only WeChat's verify_signature can judge.
//
// [Enroll], or the call of [EnrollCall], adds an AuthKey with the ASK that vouches for it.
// From then on [Verifier] judges the user's results with it. AuthKeys are kept in a
// [Store], which all instances share (internal/store). A deployment that includes its
// AuthKeys needs no store but a [File], which cannot be enrolled into.
//
// A local pass does not prove hardware. Software can emulate a device and sign a chain that
// is consistent in all its parts. Only Tencent can tell the ASK of a real phone from others
// (POST /cgi-bin/soter_3rdapp/verify_ask). Before enrolling an AuthKey, call it for the ASK
// and require is_verified true.
package authkeys

import (
	"context"
	"errors"
	"fmt"

	"sotercall/internal/soter"
)

// ID is the key of an AuthKey. No signed text names the owner: the openid is a statement of
// the backend that enrolled it.
type ID struct {
	OpenID string `json:"openid"` // the user
	CPUID  string `json:"cpu_id"` // the device
	UID    string `json:"uid"`    // the app on that device
}

// AuthKey is one enrolled AuthKey, as stores keep it. It is public: reading it does not
// help to forge anything, writing it lets an attacker be anybody.
type AuthKey struct {
	ID
	PubKey  string `json:"pub_key"` // SubjectPublicKeyInfo in PEM
	Counter uint64 `json:"counter"` // the device's counter when it exported the key
	// what the key announced; absent in JSON means Salt20
	Salt soter.Salt `json:"rsa_pss_saltlen"`
}

// Complete returns an error if a kept AuthKey lacks something, and sets a missing salt. An
// invalid PubKey shows only when it is used. Every Store calls it before it keeps an
// AuthKey, and after it has read one.
func (k *AuthKey) Complete() error {
	if k.Salt == 0 {
		k.Salt = soter.Salt20
	}
	switch {
	case k.OpenID == "":
		return errors.New("has no openid")
	case k.CPUID == "":
		return errors.New("has no cpu_id")
	case k.UID == "":
		return errors.New("has no uid")
	case k.PubKey == "":
		return errors.New("has no pub_key")
	case k.Counter == 0:
		return errors.New("has no counter above 0")
	case k.Salt != soter.Salt20 && k.Salt != soter.Salt32:
		return fmt.Errorf("has rsa_pss_saltlen %d, want 20 or 32", k.Salt)
	}
	return nil
}

// Finder finds AuthKeys, one for each ID. It is safe for concurrent use, and returns when
// its context ends.
type Finder interface {
	// Find returns the AuthKey of an ID, or ErrNotEnrolled. Any other error means that it
	// is not known whether there is one.
	Find(ctx context.Context, id ID) (AuthKey, error)
}

// Store keeps AuthKeys. If an app has several scenes on a device, the AuthKey that was
// enrolled last counts. Package storetest tests the contract.
type Store interface {
	Finder

	// Put keeps an AuthKey in place of the one that its ID has. Its counter must be above
	// that of every AuthKey kept for the same user and device. Otherwise the error is a
	// *NotNewerError and nothing has changed: comparing and keeping are one step. An
	// identical AuthKey that is kept already is no error, because this very call may have
	// put it and lost the reply. After any other error it is not known whether the key is
	// kept.
	Put(ctx context.Context, key AuthKey) error
}

// ErrNotEnrolled says that a Store works and has no AuthKey for an ID.
var ErrNotEnrolled = errors.New("no AuthKey is enrolled for this user, device and app")

// ErrTooManyDevices says that a Store has as many AuthKeys of a user as it can. Delete some
// before another is kept.
var ErrTooManyDevices = errors.New("the user has as many AuthKeys as the store can keep: delete those of devices that are not used any more")

// NotNewerError says that an AuthKey is not newer than one that is kept already for the
// same user and device. It is a [soter.ErrMismatch].
type NotNewerError struct {
	Counter  uint64 // of the AuthKey that was refused
	Enrolled uint64 // the highest counter that is kept
}

// Error implements error.
func (e *NotNewerError) Error() string {
	return fmt.Sprintf("counter %d is not above %d, that of an AuthKey enrolled for this user and device before", e.Counter, e.Enrolled)
}

// Is makes the error a soter.ErrMismatch to errors.Is.
func (e *NotNewerError) Is(target error) bool { return target == soter.ErrMismatch }
