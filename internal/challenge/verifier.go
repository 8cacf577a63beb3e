package challenge

import (
	"context"
	"crypto/rand"
	"errors"
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
	// SeveralApps says that questions are about several apps, so that a challenge must
	// say in which it was issued.
	SeveralApps bool
	// Next is asked about the signature, after the challenge was found good.
	Next   openapi.Verifier
	Ledger Ledger
	Policy CounterPolicy
	// OnPossibleClone, if set, is told of each counter that did not grow,
	// whatever the Policy. It is called before Verify returns.
	OnPossibleClone func(ctx context.Context, c PossibleClone)
	// OnUnchecked, if set, is told of each genuine answer whose counter was not
	// looked after, and why. It is called before Verify returns, and only under
	// LogCounter: otherwise such an answer is not genuine.
	OnUnchecked func(ctx context.Context, reason string)
	// Now is the clock by which a Ledger that failed is left alone; time.Now when
	// nil.
	Now func() time.Time

	counting, failing pause
	failed            failures // as far as this instance knows
}

var _ openapi.Verifier = (*Verifier)(nil)

// Verify implements [openapi.Verifier]. With challenges, a text whose raw cannot be
// read and a challenge that is not good are Wrong without Next being asked; so is,
// under EnforceCounter, a text that does not tell its counter, and a challenge for which
// Next has found MaxFailures signatures wrong. An error of Next is returned as it is, and
// is no failure.
//
// A Ledger that fails is an [*openapi.Error]: -604102 if ctx has ended, else
// -604103. If it failed to consume the challenge, it is not known whether the
// challenge was consumed: asked again, the same question is answered that it is
// genuine if it was not, and that it is wrong if it was. The user then signs a new
// challenge. Under LogCounter, a Ledger that fails to raise a counter costs half a
// second at most, then nothing for some seconds, and no answer.
func (v *Verifier) Verify(ctx context.Context, r openapi.Request) (openapi.Verdict, error) {
	answer, err := soter.ParseAnswer(r.JSONString)
	var ticket Ticket
	if v.Issuer != nil {
		if err == nil {
			ticket, err = v.Issuer.Check(answer.Raw, User{OpenID: r.OpenID, AppID: r.AppID, OneOfSeveral: v.SeveralApps, Purpose: r.Purpose})
		}
		if err != nil {
			return wrong("", err), nil
		}
	} else if r.Purpose != "" { // never ignored
		return openapi.Verdict{}, openapi.RefusePurpose.Check(r.Purpose)
	} else if err != nil {
		answer.Uncounted = err
	}
	if answer.Uncounted != nil && v.Policy != LogCounter {
		return wrong(uncounted, answer.Uncounted), nil
	}

	if v.Issuer != nil && v.isSpent(ctx, ticket) {
		return wrong("", ErrTooManyFailures), nil
	}

	verdict, err := v.Next.Verify(ctx, r)
	switch {
	case err != nil: // which says nothing about the signature
		return openapi.Verdict{}, err
	case !verdict.IsGenuine() && v.Issuer != nil:
		return v.fail(ctx, ticket, verdict), nil
	case !verdict.IsGenuine():
		return verdict, nil
	}
	nonce := rand.Text()
	if v.Issuer != nil {
		if verdict, err = v.consume(ctx, ticket, nonce); err != nil || !verdict.IsGenuine() {
			return verdict, err
		}
	}
	return v.count(ctx, r.OpenID, answer, nonce)
}

// wrong words a refusal. What the sender wrote may stand in it, at any length.
func wrong(prefix string, err error) openapi.Verdict {
	return openapi.Wrong(fmt.Sprintf("%.200s", prefix+err.Error()))
}

func (v *Verifier) consume(ctx context.Context, ticket Ticket, nonce string) (openapi.Verdict, error) {
	since := v.Issuer.now().Sub(ticket.Expires)
	if since >= grace {
		return openapi.Wrong(errLongExpired.Error()), nil
	}
	first, err := v.Ledger.Consume(ctx, Use{Challenge: ticket.ID, Keep: grace + skew - since, Nonce: nonce})
	switch {
	case err != nil && ctx.Err() != nil:
		return openapi.Verdict{}, openapi.NewError(openapi.CodeTimeout, "no time was left to consume the challenge", err)
	case err != nil:
		return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "the challenge could not be consumed"+because(err)+": try again, or have a new challenge signed", err)
	case !first:
		return openapi.Wrong(errUsed.Error()), nil
	}
	return openapi.Genuine(), nil
}

// because says of a failure of the Ledger what a caller should know: that it passes.
func because(err error) string {
	if errors.Is(err, ErrNoMaster) {
		return ", because the store has no master at the moment"
	}
	return ""
}

// count judges by the counter of a genuine answer.
func (v *Verifier) count(ctx context.Context, openid string, answer soter.Answer, nonce string) (openapi.Verdict, error) {
	if answer.Uncounted != nil {
		return v.uncounted(ctx, answer.Uncounted), nil
	}
	reading := Reading{Device: DevicePseudonym(answer.CPUID), Counter: answer.Counter, Nonce: nonce}
	highest, err := v.raise(ctx, reading)
	switch {
	case err != nil && v.Policy == LogCounter:
		return v.uncounted(ctx, err), nil
	case err != nil && ctx.Err() != nil:
		return openapi.Verdict{}, openapi.NewError(openapi.CodeTimeout, "no time was left to check the counter", err)
	case err != nil:
		return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "the counter could not be checked"+because(err), err)
	case reading.Counter > highest:
		return openapi.Genuine(), nil
	}
	return v.suspect(ctx, PossibleClone{OpenID: openid, Device: reading.Device, Counter: reading.Counter, Highest: highest}), nil
}

// raise raises the counter. Where no answer depends on it, little time is spent.
func (v *Verifier) raise(ctx context.Context, reading Reading) (highest uint64, err error) {
	if v.Policy != LogCounter {
		return v.Ledger.Raise(ctx, reading)
	}
	if err := v.counting.begin(v.now()); err != nil {
		return 0, err
	}
	bounded, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	highest, err = v.Ledger.Raise(bounded, reading)
	if err == nil || ctx.Err() != context.Canceled { // who hangs up says nothing about the Ledger
		v.counting.end(v.now(), err)
	}
	return highest, err
}

// uncounted lets pass who could not be counted.
func (v *Verifier) uncounted(ctx context.Context, reason error) openapi.Verdict {
	if v.OnUnchecked != nil {
		v.OnUnchecked(ctx, fmt.Sprintf("%.200s", reason.Error()))
	}
	return openapi.Genuine()
}

// suspect decides about a counter that did not grow.
func (v *Verifier) suspect(ctx context.Context, c PossibleClone) openapi.Verdict {
	c.Refused = v.Policy != LogCounter
	if v.OnPossibleClone != nil {
		v.OnPossibleClone(ctx, c)
	}
	if c.Refused {
		return openapi.Wrong(fmt.Sprintf(clone+"counter %d of the device is not above %d", c.Counter, c.Highest))
	}
	return openapi.Genuine()
}

func (v *Verifier) now() time.Time {
	if v.Now == nil {
		return time.Now()
	}
	return v.Now()
}
