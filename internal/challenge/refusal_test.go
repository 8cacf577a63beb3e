package challenge_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/soter"
)

// What a Verifier says of a refusal is told by its words, so that this test reads them from
// the errors themselves.
func TestRefusalIsToldByItsReason(t *testing.T) {
	_, malformed := soter.ParseClaims("{")
	require.Error(t, malformed)
	for kind, reasons := range map[challenge.Refusal][]string{
		challenge.RefusedUnknown:   {challenge.ErrNotOurs.Error(), malformed.Error()},
		challenge.RefusedOtherUser: {challenge.ErrOtherUser.Error()},
		challenge.RefusedOtherApp:  {challenge.ErrOtherApp.Error(), challenge.ErrNoApp.Error()},
		challenge.RefusedPurpose: {
			challenge.ErrOtherPurpose.Error(), challenge.ErrPurposeAdded.Error(), challenge.ErrNoPurpose.Error(),
		},
		challenge.RefusedExpired:  {challenge.ErrExpired.Error(), "the challenge expired long before the signature was verified"},
		challenge.RefusedUsed:     {"the challenge was used before"},
		challenge.RefusedFailures: {challenge.ErrTooManyFailures.Error()},
		challenge.RefusedCounter:  {"possible clone: counter 3 of the device is not above 4", "the counter cannot be checked: counter is missing"},
		challenge.OtherRefusal:    {"", "WeChat says that the signature is wrong", "no AuthKey is enrolled for this user, device and app"},
	} {
		for _, reason := range reasons {
			assert.Equal(t, kind, challenge.RefusalOf(openapi.Wrong(reason).Reason()), reason)
		}
	}
}
