package challenge

import (
	"fmt"
	"log/slog"

	"sotercall/internal/openapi"
)

// CounterPolicy is what follows when the counter of a device has not grown,
// which a copy of the device's keys would bring about, and other things too.
//
// The default is [LogCounter], because the counter is a sign of a clone and not a
// sure one, and because a challenge that counts once has stopped every replay
// before. Honest users send counters that did not grow: two results of one phone
// may overtake each other on the way; a phone may come back from a repair or an
// upgrade and count anew, and only of some is it known that cpu_id changes then
// (WeChat's developer forum); results of iOS name no trusted environment that
// would keep the count. A user whom a stored counter shuts out has no way back
// in. [EnforceCounter] is for those who know their devices, and have somebody
// whom such a user can call.
type CounterPolicy int

const (
	// LogCounter reports a counter that did not grow and lets the user pass.
	LogCounter CounterPolicy = iota
	// EnforceCounter reports it and answers that the signature is wrong.
	EnforceCounter
)

// String returns "log" or "enforce".
func (p CounterPolicy) String() string {
	switch p {
	case LogCounter:
		return "log"
	case EnforceCounter:
		return "enforce"
	}
	return fmt.Sprintf("CounterPolicy(%d)", int(p))
}

// UnmarshalText implements [encoding.TextUnmarshaler] for "log" and "enforce".
func (p *CounterPolicy) UnmarshalText(text []byte) error {
	switch string(text) {
	case "log":
		*p = LogCounter
	case "enforce":
		*p = EnforceCounter
	default:
		return fmt.Errorf("a counter policy is log or enforce, not %q", text)
	}
	return nil
}

// PossibleClone is the event that a device signed with a counter that was not
// above its last one.
type PossibleClone struct {
	OpenID string
	// Device is the pseudonym of the device, see [DevicePseudonym].
	Device string
	// Counter is what came, Highest what was known before.
	Counter, Highest uint64
	// Refused reports that the answer was therefore that the signature is wrong.
	Refused bool
}

// LogValue implements [slog.LogValuer], with the openid masked.
func (c PossibleClone) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("openid", openapi.MaskOpenID(c.OpenID)),
		slog.String("device", c.Device),
		slog.Uint64("counter", c.Counter),
		slog.Uint64("highest", c.Highest),
		slog.Bool("refused", c.Refused),
	)
}
