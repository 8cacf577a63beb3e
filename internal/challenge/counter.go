package challenge

import (
	"fmt"
	"log/slog"

	"sotercall/internal/openapi"
)

// CounterPolicy is what follows when the counter of a device has not grown,
// which a copy of the device's keys would bring about, and other things too.
//
// The default is [LogCounter]. A challenge that counts once has stopped every
// replay before the counter is looked at; what the counter adds is a sign of a
// cloned device, and not a sure one. Two honest results of one phone that
// overtake each other on the way arrive with falling counters. cpu_id is known
// to change with an upgrade of the system, and whether a counter survives with
// its cpu_id on every make is documented nowhere; on iOS there is no published
// trusted environment that holds it. A user whom a
// stored counter shuts out has no way back in, so that [EnforceCounter] is for
// those who know their devices and have somebody to call.
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
