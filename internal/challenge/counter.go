package challenge

import (
	"fmt"
	"log/slog"

	"sotercall/internal/openapi"
)

// CounterPolicy selects what happens if the counter of a device has not grown. A copy of
// the device's keys would cause that, but there are other causes.
//
// The default is [LogCounter]. A counter that did not grow may mean a clone, but proves
// none, and single-use challenges already stop every replay. Honest users send counters
// that did not grow. Two results of one phone may overtake each other. After a repair or an
// upgrade a phone may start to count again, and only some are known to change cpu_id then
// (WeChat's developer forum). Results of iOS name no trusted environment that would keep
// the count. A user that is locked out by a stored counter cannot get back in alone. Use
// [EnforceCounter] if you know the users' devices, and have staff that such a user can
// call.
type CounterPolicy int

const (
	// LogCounter reports a counter that did not grow and accepts the signature.
	LogCounter CounterPolicy = iota
	// EnforceCounter reports it and refuses the signature.
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

// PossibleClone is the event that a device signed with a counter that was not above its
// last one.
type PossibleClone struct {
	OpenID string
	// Device is the pseudonym of the device, see [DevicePseudonym].
	Device string
	// Counter is the received counter, Highest the previous one.
	Counter, Highest uint64
	// Refused reports that the verdict was therefore that the signature is wrong.
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
