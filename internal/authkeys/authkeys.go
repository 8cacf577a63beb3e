// Package authkeys is SOTER_VERIFIER=local: it keeps the AuthKeys of users and
// judges signatures with them.
//
// It is for apps that embed Tencent's open-source SOTER (Tencent/soter), whose
// AuthKeys their own backend receives, and for tests. The AuthKeys of Mini
// Programs are made and kept by WeChat and never leave it: for those only
// WeChat's verify_signature can tell.
//
// An AuthKey comes in by [Enroll], or by the call that [EnrollCall] answers,
// with the ASK that vouches for it. From then on [Verifier] judges the user's
// results with it. Between the two, AuthKeys lie in a [Store], which all instances
// share (internal/store). A deployment that carries its AuthKeys with it needs
// no store but a [File], into which nothing is enrolled.
//
// A local pass does not prove hardware. Software can play a device and sign a
// chain that fits in all its parts; only Tencent can tell an ASK that was made
// in a factory's phone from one that was not (POST
// /cgi-bin/soter_3rdapp/verify_ask). Whoever enrols an AuthKey has asked that
// about its ASK before, and got is_verified true.
package authkeys

import (
	"context"
	"errors"
	"fmt"

	"sotercall/internal/soter"
)

// ID is what an AuthKey is found by. Whose a key is stands in no signed text:
// the openid is the word of the backend that enrolled it.
type ID struct {
	OpenID string `json:"openid"` // the user
	CPUID  string `json:"cpu_id"` // the device
	UID    string `json:"uid"`    // the app on that device
}

// AuthKey is one enrolled AuthKey, as stores keep it. It is public: who reads it
// can forge nothing, who writes it can be anybody.
type AuthKey struct {
	ID
	PubKey  string     `json:"pub_key"`         // SubjectPublicKeyInfo in PEM
	Counter uint64     `json:"counter"`         // the device's counter when it exported the key
	Salt    soter.Salt `json:"rsa_pss_saltlen"` // what the key announced; absent in JSON means Salt20
}

// Complete tells what a kept AuthKey lacks, and settles a salt that it does not
// name. Whether PubKey is a key shows when it is used. Every Store asks it before
// it keeps an AuthKey, and after it has read one.
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

// Finder finds AuthKeys: one for each ID. It is used concurrently, and returns when
// its context ends.
type Finder interface {
	// Find answers the AuthKey of an ID, or ErrNotEnrolled. Any other error means
	// that it is not known whether there is one.
	Find(ctx context.Context, id ID) (AuthKey, error)
}

// Store keeps AuthKeys, so that of several scenes of an app on a device the one
// enrolled last counts. What every Store keeps to is tested by package storetest.
type Store interface {
	Finder

	// Put keeps an AuthKey in place of the one that its ID has. Its counter must
	// be above that of every AuthKey kept for the same user and device, else the
	// error is a *NotNewerError and nothing has changed: comparing and keeping are
	// one step. An AuthKey that is kept already, the same in all, is no error: it
	// may have been put by this very call, whose reply was lost. After any other
	// error it is not known whether the key is kept.
	Put(ctx context.Context, key AuthKey) error
}

// ErrNotEnrolled says that a Store works and keeps no AuthKey for an ID.
var ErrNotEnrolled = errors.New("no AuthKey is enrolled for this user, device and app")

// ErrTooManyDevices says that a Store keeps as many AuthKeys of a user as it can. Some
// must be deleted there before another is kept.
var ErrTooManyDevices = errors.New("the user has as many AuthKeys as the store can keep: delete those of devices that are not used any more")

// NotNewerError says that an AuthKey was exported no later than one that is kept
// already for the same user and device. It is a [soter.ErrMismatch].
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
