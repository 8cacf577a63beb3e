package challenge

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"sotercall/internal/openapi"
	"sotercall/internal/soter"
)

// Time after the expiry of a challenge.
const (
	// grace is how much later than the expiry a challenge may still be consumed.
	// It was alive when the question came; asking for the signature took a while.
	grace = time.Minute
	// skew is how far apart the clocks of two instances may be without one of
	// them taking a challenge whose consumption is forgotten already.
	skew = time.Minute
)

// Verifier implements [openapi.Verifier]: a signature is genuine if Next says so
// and it is the first answer to a challenge that Issuer issued to the user. The
// fields are set before the first use and not changed after; it may be used
// concurrently. Next and Ledger must be set.
type Verifier struct {
	// Issuer recognizes challenges; nil leaves challenges to whoever asks, and
	// only counters are looked after.
	Issuer *Issuer
	// Next is asked about the signature, after the challenge was found good.
	Next   openapi.Verifier
	Ledger Ledger
	Policy CounterPolicy
	// OnPossibleClone, if set, is told of each counter that did not grow,
	// whatever the Policy. It is called before Verify returns.
	OnPossibleClone func(ctx context.Context, c PossibleClone)
}

var _ openapi.Verifier = (*Verifier)(nil)

// Verify implements [openapi.Verifier]. A text that is no resultJSON, and one
// with a challenge that is not good, are Wrong without Next being asked. An error
// of Next is returned as it is.
//
// A Ledger that fails is an [*openapi.Error]: -604102 if ctx has ended, else
// -604103. It is then not known whether the challenge was consumed: asked again,
// the same question is answered that it is genuine if it was not, and that it is
// wrong if it was. The user then signs a new challenge.
func (v *Verifier) Verify(ctx context.Context, r openapi.Request) (openapi.Verdict, error) {
	result, err := soter.ParseResult(r.JSONString)
	if v.Issuer == nil {
		return v.count(ctx, r, result, err)
	}
	if err != nil {
		// What the sender wrote may stand in it, at any length.
		return openapi.Wrong(fmt.Sprintf("%.200s", err)), nil
	}
	ticket, err := v.Issuer.Check(result.Raw, r.OpenID)
	if err != nil {
		return openapi.Wrong(err.Error()), nil
	}
	verdict, err := v.Next.Verify(ctx, r)
	if err != nil {
		return openapi.Verdict{}, err
	}
	if !verdict.IsGenuine() {
		return verdict, nil
	}
	return v.consume(ctx, r.OpenID, ticket, result)
}

func (v *Verifier) consume(ctx context.Context, openid string, ticket Ticket, result soter.Result) (openapi.Verdict, error) {
	since := v.Issuer.now().Sub(ticket.Expires)
	if since >= grace {
		return openapi.Wrong("the challenge expired long before the signature was verified"), nil
	}
	use := Use{
		Challenge: ticket.ID,
		Keep:      grace + skew - since,
		Device:    DevicePseudonym(result.CPUID),
		Counter:   result.Counter,
	}
	return v.book(ctx, openid, use)
}

// count is Verify without challenges. A text that does not tell its counter
// (unreadable says why) is no reason to refuse a genuine signature, unless
// counters are enforced.
func (v *Verifier) count(ctx context.Context, r openapi.Request, result soter.Result, unreadable error) (openapi.Verdict, error) {
	verdict, err := v.Next.Verify(ctx, r)
	switch {
	case err != nil:
		return openapi.Verdict{}, err
	case !verdict.IsGenuine():
		return verdict, nil
	case unreadable != nil && v.Policy != LogCounter:
		return openapi.Wrong(fmt.Sprintf("the counter cannot be read: %.200s", unreadable)), nil
	case unreadable != nil:
		return verdict, nil
	}
	return v.book(ctx, r.OpenID, Use{
		Challenge: rand.Text(), // nobody else's, so that it is the first
		Keep:      time.Millisecond,
		Device:    DevicePseudonym(result.CPUID),
		Counter:   result.Counter,
	})
}

// book enters a use in the ledger and judges by what stood there.
func (v *Verifier) book(ctx context.Context, openid string, use Use) (openapi.Verdict, error) {
	outcome, err := v.Ledger.Consume(ctx, use)
	switch {
	case err != nil && ctx.Err() != nil:
		return openapi.Verdict{}, openapi.NewError(openapi.CodeTimeout, "no time was left to consume the challenge", err)
	case err != nil:
		return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "the challenge could not be consumed: ask again, or have a new challenge signed", err)
	case !outcome.First:
		return openapi.Wrong("the challenge was used before"), nil
	case use.Counter > outcome.Highest:
		return openapi.Genuine(), nil
	}
	return v.suspect(ctx, PossibleClone{OpenID: openid, Device: use.Device, Counter: use.Counter, Highest: outcome.Highest}), nil
}

// suspect decides about a counter that did not grow.
func (v *Verifier) suspect(ctx context.Context, c PossibleClone) openapi.Verdict {
	c.Refused = v.Policy != LogCounter
	if v.OnPossibleClone != nil {
		v.OnPossibleClone(ctx, c)
	}
	if c.Refused {
		return openapi.Wrong(fmt.Sprintf("possible clone: counter %d of the device is not above %d", c.Counter, c.Highest))
	}
	return openapi.Genuine()
}
