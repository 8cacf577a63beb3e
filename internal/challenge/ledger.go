package challenge

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// Ledger remembers the consumed challenges, the wrong signatures for each, and the counter
// of each device. It is safe for concurrent use, and all instances that share a Ledger have
// one view.
//
// Consume and Raise are two steps, each of them a write to one entry. Consume comes first:
// after a crash between the two, the challenge cannot be used again, and no signature
// counts twice.
//
// Both carry a nonce, which is random for each verification. If it is not known whether a
// step was taken, it can be repeated with the same nonce, and returns the result that was
// lost.
//
// A Ledger states facts only; the [CounterPolicy] decides about a counter that did not
// grow. After an error it is not known whether the step was taken. Package ledgertest tests
// the contract of every Ledger.
type Ledger interface {
	// Consume consumes the challenge, and reports whether this Use did: of any number of
	// Uses of one challenge, one is the first.
	Consume(ctx context.Context, u Use) (first bool, err error)

	// Raise raises the counter of a device to that of r unless it is higher. It returns the
	// highest before, 0 for an unknown device.
	Raise(ctx context.Context, r Reading) (highest uint64, err error)

	// Fail counts a wrong signature, and returns the count for its challenge.
	Fail(ctx context.Context, f Failure) (failures int, err error)

	// Failures returns how many wrong signatures were counted for a challenge.
	Failures(ctx context.Context, challenge string) (failures int, err error)
}

// Use is one presentation of a challenge under a genuine signature.
type Use struct {
	// Challenge is the ID of the Ticket.
	Challenge string
	// Keep is how long the challenge must be remembered as consumed, at least a
	// millisecond; after that, Check refuses it everywhere.
	Keep time.Duration
	// Nonce identifies this presentation.
	Nonce string
}

// Reading is the counter of a device in a genuine result.
type Reading struct {
	// Device is the pseudonym of the device, see [DevicePseudonym].
	Device string
	// Counter is the device's counter when it signed, 1 to 2^64-1.
	Counter uint64
	// Nonce identifies this presentation. If a reading is repeated after a higher one of
	// the same device was accepted, it counts as one that came after that.
	Nonce string
}

// ErrNoMaster says that the servers of a Ledger have no master at the moment. A new one
// takes over within seconds.
var ErrNoMaster = errors.New("no master answers")

// CounterLife is how long the counter of a device is kept after it last signed: long enough
// for a user with one visit a year.
const CounterLife = 400 * 24 * time.Hour

// DevicePseudonym returns the name of a device in a Ledger and in logs. cpu_id identifies
// the phone of a person in every app that uses SOTER, and a store need only recognise it.
// It is the SHA-256 of cpu_id in base64url, 43 characters.
func DevicePseudonym(cpuID string) string {
	hash := sha256.Sum256([]byte(cpuID))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// Check returns an error if a Use lacks something. Every Ledger calls it first.
func (u Use) Check() error {
	switch {
	case u.Challenge == "", u.Nonce == "":
		return errors.New("challenge: a Use without challenge or nonce")
	case u.Keep < time.Millisecond:
		return fmt.Errorf("challenge: a Use to be remembered for %v", u.Keep)
	}
	return nil
}

// Check returns an error if a Reading lacks something. Every Ledger calls it first.
func (r Reading) Check() error {
	if r.Device == "" || r.Counter == 0 || r.Nonce == "" {
		return errors.New("challenge: a Reading without device, counter or nonce")
	}
	return nil
}
