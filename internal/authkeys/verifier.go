package authkeys

import (
	"context"
	"errors"
	"fmt"

	"sotercall/internal/openapi"
	"sotercall/internal/soter"
)

// Verifier implements [openapi.Verifier] with the AuthKeys of a Finder. It is safe for
// concurrent use. Make it with [NewVerifier].
type Verifier struct {
	enrolled Finder
	keys     parsedKeys
}

var _ openapi.Verifier = (*Verifier)(nil)

// NewVerifier returns a Verifier.
func NewVerifier(enrolled Finder) *Verifier { return &Verifier{enrolled: enrolled} }

// Verify implements [openapi.Verifier]. It finds the AuthKey that is enrolled for the
// openid, and for the cpu_id and uid of jsonString. A signature is genuine if that key made
// it over the bytes of jsonString. Both jsonString and the AuthKey must announce its salt
// length, and the counter must be above that of the AuthKey's export. Package challenge
// checks that challenge and counter are new.
//
// A user, device or app without an enrolled AuthKey is Wrong. The store has replied, so no
// enrolled key made the signature. If the store does not reply, or an AuthKey cannot be
// parsed, Verify returns an [*openapi.Error]. Its code is -604102 if ctx has ended, else
// -604103.
func (v *Verifier) Verify(ctx context.Context, r openapi.Request) (openapi.Verdict, error) {
	signature, err := soter.ParseSignature(r.JSONSignature)
	if err != nil {
		return openapi.Wrong(err.Error()), nil
	}
	signed := []byte(r.JSONString)
	result, err := soter.ParseResult(signed)
	if err != nil {
		// The error may hold text of the sender, of any length.
		return openapi.Wrong(fmt.Sprintf("%.200s", err)), nil
	}
	id := ID{OpenID: r.OpenID, CPUID: result.CPUID, UID: result.UID}
	enrolled, err := v.enrolled.Find(ctx, id)
	if errors.Is(err, ErrNotEnrolled) {
		return openapi.Wrong(ErrNotEnrolled.Error()), nil
	}
	if err != nil {
		return openapi.Verdict{}, storeError(ctx, err)
	}
	if enrolled.ID != id {
		return openapi.Verdict{}, storeError(ctx, errors.New("the AuthKey in this place is that of another user, device or app"))
	}
	key, err := v.keys.parse(enrolled.PubKey)
	if err != nil {
		return openapi.Verdict{}, storeError(ctx, fmt.Errorf("an enrolled AuthKey is unusable: %w", err))
	}
	return judge(enrolled, key, result, signed, signature)
}

func judge(enrolled AuthKey, key *soter.PublicKey, result soter.Result, signed []byte, signature soter.Signature) (openapi.Verdict, error) {
	if result.Salt != enrolled.Salt {
		return openapi.Wrong(fmt.Sprintf("resultJSON announces a salt of %d bytes, its AuthKey %d", result.Salt, enrolled.Salt)), nil
	}
	switch err := key.Verify(signed, signature, result.Salt); {
	case errors.Is(err, soter.ErrWrongSignature):
		return openapi.Wrong(err.Error()), nil
	case err != nil:
		return openapi.Verdict{}, fmt.Errorf("judging a signature: %w", err)
	case result.Counter <= enrolled.Counter:
		return openapi.Wrong(fmt.Sprintf("counter %d is not above %d, that of the AuthKey at its enrolment", result.Counter, enrolled.Counter)), nil
	}
	return openapi.Genuine(), nil
}

func storeError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return openapi.NewError(openapi.CodeTimeout, "no time was left to read the AuthKeys", err)
	}
	return openapi.NewError(openapi.CodeSystem, "the AuthKeys could not be read", err)
}
