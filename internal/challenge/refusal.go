package challenge

import "strings"

// Refusal is the kind of a reason for which a [Verifier] found a signature wrong.
type Refusal int

// The kinds.
const (
	// OtherRefusal is everything else, such as a wrong signature.
	OtherRefusal Refusal = iota
	// RefusedUnknown is a text in which no challenge of ours can be read.
	RefusedUnknown
	RefusedOtherUser
	RefusedOtherApp
	RefusedPurpose
	RefusedExpired
	RefusedUsed
	RefusedFailures
	RefusedCounter
)

// RefusalOf returns the kind of the reason of a wrong verdict ([openapi.Verdict.Reason]).
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

// How reasons begin that a counter gives.
const (
	clone     = "possible clone: "
	uncounted = "the counter cannot be checked: "
)
