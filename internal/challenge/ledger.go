package challenge

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// Ledger remembers which challenges were consumed, and how far the counter of
// each device has come. It may be used concurrently.
//
// It states facts only; what a counter that did not grow leads to is for the
// [CounterPolicy].
type Ledger interface {
	// Consume consumes the challenge and raises the device's counter, in one
	// atomic step of all that share the Ledger: of any number of Uses of one
	// challenge, one is the first. A Use that is not the first changes nothing,
	// and no Use lowers a counter.
	//
	// An error means that it is not known whether the step was taken.
	Consume(ctx context.Context, u Use) (Outcome, error)
}

// Use is one presentation of a challenge under a genuine signature.
type Use struct {
	// Challenge is the ID of the Ticket.
	Challenge string
	// Keep is how long the challenge must be remembered as consumed, at least a
	// millisecond; afterwards Check refuses it everywhere.
	Keep time.Duration
	// Device is the pseudonym of the device, see [DevicePseudonym].
	Device string
	// Counter is what the device had counted when it signed, 1 to 2^64-1.
	Counter uint64
}

// Outcome is what a Ledger found. The zero Outcome is a refusal.
type Outcome struct {
	// First reports that this Use consumed the challenge. If false, another had.
	First bool
	// Highest is the highest counter of the device before this Use, 0 if the
	// device was not known. It has a meaning only if First.
	Highest uint64
}

// counterLife is how long the counter of a device is remembered after it last
// signed: long enough for those who come once a year.
const counterLife = 400 * 24 * time.Hour

// DevicePseudonym stands for a device in a Ledger and in logs: cpu_id identifies
// the phone of a person in every app that uses SOTER, and a store needs only to
// recognize it. It is the SHA-256 of cpu_id in base64url, 43 characters.
func DevicePseudonym(cpuID string) string {
	hash := sha256.Sum256([]byte(cpuID))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

func (u Use) check() error {
	switch {
	case u.Challenge == "", u.Device == "", u.Counter == 0:
		return errors.New("challenge: a Use without challenge, device or counter")
	case u.Keep < time.Millisecond:
		return fmt.Errorf("challenge: a Use to be remembered for %v", u.Keep)
	}
	return nil
}
