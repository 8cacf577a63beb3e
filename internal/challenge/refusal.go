package challenge

import "strings"

// Refusal is the kind of reason why a [Verifier] found a signature wrong.
type Refusal int

// The kinds.
const (
	// OtherRefusal is any other reason, such as a wrong signature.
	OtherRefusal Refusal = iota
	// RefusedUnknown is a text without a readable challenge of ours.
	RefusedUnknown
	RefusedOtherUser
	RefusedOtherApp
	RefusedPurpose
	RefusedExpired
	RefusedUsed
	RefusedFailures
	RefusedCounter
)

// RefusalOf returns the kind of a wrong verdict's reason ([openapi.Verdict.Reason]).
func RefusalOf(reason string) Refusal {
	for _, known := range refusals {
		if strings.HasPrefix(reason, known.text) {
			return known.kind
		}
	}
	return OtherRefusal
}

var refusals = []struct {
	text string
	kind Refusal
}{
	{ErrNotOurs.Error(), RefusedUnknown}, {"resultJSON: ", RefusedUnknown},
	{ErrOtherUser.Error(), RefusedOtherUser},
	{ErrOtherApp.Error(), RefusedOtherApp}, {ErrNoApp.Error(), RefusedOtherApp},
	{ErrOtherPurpose.Error(), RefusedPurpose}, {ErrPurposeAdded.Error(), RefusedPurpose}, {ErrNoPurpose.Error(), RefusedPurpose},
	{ErrExpired.Error(), RefusedExpired}, {errLongExpired.Error(), RefusedExpired},
	{errUsed.Error(), RefusedUsed},
	{ErrTooManyFailures.Error(), RefusedFailures},
	{clone, RefusedCounter}, {uncounted, RefusedCounter},
}

// Prefixes of the reasons of a counter.
const (
	clone     = "possible clone: "
	uncounted = "the counter cannot be checked: "
)
