package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// TestEveryDeviceAnswersAChallenge: whatever a phone writes beside raw, WeChat is
// asked, and its user is let in.
func TestEveryDeviceAnswersAChallenge(t *testing.T) {
	f := newFleet(t, nil)
	for _, info := range sandbox.Devices() {
		phone, err := f.Phone(alice, info.Device)
		require.NoError(t, err)
		signed, err := phone.Sign(f.issue(t, `{"openid":"`+alice+`"}`, nil))
		require.NoError(t, err)
		event := hosted.JSON(t, signed)
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, f.verify[0], event, nil), info.Device)
		assert.Equal(t, refused, hosted.Invoke(t, f.verify[1], event, nil), "%s, a second time", info.Device)
	}
}
