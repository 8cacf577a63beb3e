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
	// grace is how long after its expiry a challenge may still be consumed. It was valid
	// when the request came; judging the signature took a while.
	grace = time.Minute
	// skew is the tolerated difference between two instances' clocks: within it, neither
	// accepts a challenge whose consumption is forgotten already.
	skew = time.Minute
)

// Verifier implements [openapi.Verifier]. A signature is genuine if Next says so and it is
// the first one for a challenge that Issuer issued to the user. Set the fields before the
// first use and do not change them after. It is safe for concurrent use. Next and Ledger
// must be set.
type Verifier struct {
	// Issuer recognises challenges. If it is nil, the caller must check challenges, and
	// only counters are checked here.
	Issuer *Issuer
	// SeveralApps says that requests concern several apps, so a challenge must name its
	// app.
	SeveralApps bool
	// Next judges the signature, after the challenge was found valid.
	Next   openapi.Verifier
	Ledger Ledger
	Policy CounterPolicy
	// OnPossibleClone, if set, is called for each counter that did not grow, whatever the
	// Policy, before Verify returns.
	OnPossibleClone func(ctx context.Context, c PossibleClone)
	// OnUnchecked, if set, is called for each genuine result whose counter was not checked,
	// with the reason, before Verify returns. That happens under LogCounter only: otherwise
	// such a result is not genuine.
	OnUnchecked func(ctx context.Context, reason string)
	// Now is the clock for the pause of a failed Ledger; time.Now if nil.
	Now func() time.Time

	counting, failing pause
	failed            failures // the count of this instance
}

var _ openapi.Verifier = (*Verifier)(nil)

// Verify implements [openapi.Verifier]. With challenges, three things are Wrong without
// calling Next: a text whose raw cannot be read, an invalid challenge, and one with
// MaxFailures wrong signatures. Under EnforceCounter, so is a text without a readable
// counter. An error of Next is returned as it is, and counts as no failure.
//
// A failing Ledger is an [*openapi.Error]: -604102 if ctx has ended, else -604103. If it
// failed to consume the challenge, it is not known whether the challenge was consumed. A
// repeated request is then genuine if it was not, and wrong if it was. The user then signs
// a new challenge. Under LogCounter, a Ledger that fails to raise a counter costs half a
// second at most, then nothing for some seconds, and changes no verdict.
func (v *Verifier) Verify(ctx context.Context, r openapi.Request) (openapi.Verdict, error) {
	claims, err := soter.ParseClaims(r.JSONString)
	var ticket Ticket
	if v.Issuer != nil {
		if err == nil {
			ticket, err = v.Issuer.Check(claims.Raw, User{OpenID: r.OpenID, AppID: r.AppID, OneOfSeveral: v.SeveralApps, Purpose: r.Purpose})
		}
		if err != nil {
			return wrong("", err), nil
		}
	} else if r.Purpose != "" { // never ignored
		return openapi.Verdict{}, openapi.RefusePurpose.Check(r.Purpose)
	} else if err != nil {
		claims.Uncounted = err
	}
	if claims.Uncounted != nil && v.Policy != LogCounter {
		return wrong(uncounted, claims.Uncounted), nil
	}

	if v.Issuer != nil && v.isSpent(ctx, ticket) {
		return wrong("", ErrTooManyFailures), nil
	}

	verdict, err := v.Next.Verify(ctx, r)
	switch {
	case err != nil: // this says nothing about the signature
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
	return v.count(ctx, r.OpenID, claims, nonce)
}

// wrong returns a refusal. The error may hold text of the sender, of any length.
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

// because returns the cause of a Ledger's failure for the response, if it is known and
// temporary; otherwise "".
func because(err error) string {
	if errors.Is(err, ErrNoMaster) {
		return ", because the store has no master at the moment"
	}
	return ""
}

// count applies the policy to the counter of a genuine result.
func (v *Verifier) count(ctx context.Context, openid string, claims soter.Claims, nonce string) (openapi.Verdict, error) {
	if claims.Uncounted != nil {
		return v.uncounted(ctx, claims.Uncounted), nil
	}
	reading := Reading{Device: DevicePseudonym(claims.CPUID), Counter: claims.Counter, Nonce: nonce}
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

// raise raises the counter. If no verdict depends on it, it spends little time.
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
	// a caller that hangs up says nothing about the Ledger
	if err == nil || ctx.Err() != context.Canceled {
		v.counting.end(v.now(), err)
	}
	return highest, err
}

// uncounted returns the verdict for a result whose counter could not be checked.
func (v *Verifier) uncounted(ctx context.Context, reason error) openapi.Verdict {
	if v.OnUnchecked != nil {
		v.OnUnchecked(ctx, fmt.Sprintf("%.200s", reason.Error()))
	}
	return openapi.Genuine()
}

// suspect returns the verdict for a counter that did not grow.
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
