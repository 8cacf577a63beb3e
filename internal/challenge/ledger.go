package challenge

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// Ledger remembers which challenges were consumed, for which of them wrong signatures
// were presented, and how far the counter of each device has come. It may be used concurrently, and all instances that share
// a Ledger see one and the same.
//
// Consume and Raise are two steps, each of them a write to one entry. Consume
// comes first: a crash between the two leaves a challenge that nobody can answer
// again, and never an answer that counts twice.
//
// Both carry a nonce, which is random for each verification: if it is not known
// whether a step was taken, the same may be asked again with the same nonce, and
// the answer is the one that was lost.
//
// A Ledger states facts only; what a counter that did not grow leads to is for the
// [CounterPolicy]. After an error it is not known whether the step was taken. What
// every Ledger keeps to is tested by package ledgertest.
type Ledger interface {
	// Consume consumes the challenge, and reports whether this Use did: of any
	// number of Uses of one challenge, one is the first.
	Consume(ctx context.Context, u Use) (first bool, err error)

	// Raise raises the counter of a device to that of r unless it is higher, and
	// returns the highest before, 0 if the device was not known.
	Raise(ctx context.Context, r Reading) (highest uint64, err error)

	// Fail counts a wrong signature, and returns how many there were for its challenge.
	Fail(ctx context.Context, f Failure) (failures int, err error)

	// Failures returns how many wrong signatures were counted for a challenge.
	Failures(ctx context.Context, challenge string) (failures int, err error)
}

// Use is one presentation of a challenge under a genuine signature.
type Use struct {
	// Challenge is the ID of the Ticket.
	Challenge string
	// Keep is how long the challenge must be remembered as consumed, at least a
	// millisecond; afterwards Check refuses it everywhere.
	Keep time.Duration
	// Nonce tells this presentation from all others.
	Nonce string
}

// Reading is the counter of a device, as a genuine signature tells it.
type Reading struct {
	// Device is the pseudonym of the device, see [DevicePseudonym].
	Device string
	// Counter is what the device had counted when it signed, 1 to 2^64-1.
	Counter uint64
	// Nonce tells this presentation from all others. A reading that is asked again
	// after a higher one of the same device was taken is answered as if it came
	// after that one.
	Nonce string
}

// ErrNoMaster says that the servers of a Ledger have no master at the moment. Another one
// takes over within seconds.
var ErrNoMaster = errors.New("no master answers")

// CounterLife is how long the counter of a device is remembered after it last
// signed: long enough for those who come once a year.
const CounterLife = 400 * 24 * time.Hour

// DevicePseudonym stands for a device in a Ledger and in logs: cpu_id identifies
// the phone of a person in every app that uses SOTER, and a store needs only to
// recognize it. It is the SHA-256 of cpu_id in base64url, 43 characters.
func DevicePseudonym(cpuID string) string {
	hash := sha256.Sum256([]byte(cpuID))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// Check tells what a Use lacks. Every Ledger asks it first.
func (u Use) Check() error {
	switch {
	case u.Challenge == "", u.Nonce == "":
		return errors.New("challenge: a Use without challenge or nonce")
	case u.Keep < time.Millisecond:
		return fmt.Errorf("challenge: a Use to be remembered for %v", u.Keep)
	}
	return nil
}

// Check tells what a Reading lacks. Every Ledger asks it first.
func (r Reading) Check() error {
	if r.Device == "" || r.Counter == 0 || r.Nonce == "" {
		return errors.New("challenge: a Reading without device, counter or nonce")
	}
	return nil
}
