package openapi

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/jsonobject"
)

// MaxPurpose is the maximum length of a purpose, in bytes of UTF-8.
const MaxPurpose = 1024

// purposeName is the parameter's name in every form of both calls.
const purposeName = "purpose"

// PurposePolicy says how to treat requests with a purpose and those without one. A purpose
// is never ignored: a caller that names one relies on it.
type PurposePolicy byte

// The policies.
const (
	// RefusePurpose refuses each purpose: challenges are off, so nothing binds a signature
	// to it.
	RefusePurpose PurposePolicy = iota
	// OptionalPurpose accepts requests with and without a purpose.
	OptionalPurpose
	// RequirePurpose refuses each request without a purpose.
	RequirePurpose
)

// UnmarshalText implements [encoding.TextUnmarshaler] for optional and required.
func (p *PurposePolicy) UnmarshalText(text []byte) error {
	switch string(text) {
	case "optional":
		*p = OptionalPurpose
	case "required":
		*p = RequirePurpose
	default:
		return fmt.Errorf("a purpose policy is optional or required, not %q", text)
	}
	return nil
}

// Check returns the refusal of a purpose; nil if the policy allows it. purpose is empty if
// the request names none.
func (p PurposePolicy) Check(purpose string) *Error {
	switch {
	case p == RefusePurpose && purpose != "":
		return invalid("parameter.purpose is not possible here: challenges are off, so that nothing ties a signature to it")
	case p == RequirePurpose && purpose == "":
		return invalid("parameter.purpose is missing: it is required here (CHALLENGE_PURPOSE)")
	}
	return nil
}

// purposeParameter is the member purpose of a request.
type purposeParameter struct {
	value
	// misspelt is the name of a member that is probably meant as the purpose.
	misspelt string
}

// isMisspelt reports whether a member with another name is probably meant as the purpose.
func isMisspelt(name []byte) bool {
	return len(name) == len(purposeName) && bytes.EqualFold(name, []byte(purposeName))
}

// parse returns the purpose; empty if the request names none.
func (p purposeParameter) parse() (string, *Error) {
	switch {
	case p.misspelt != "":
		return "", invalid("parameter.purpose is not written %s", p.misspelt)
	case p.kind == 0:
		return "", nil
	case p.kind != '"':
		return "", invalid("parameter.purpose must be a string, not %s", kindText(p.kind))
	case p.text == "":
		return "", invalid("parameter.purpose is empty: leave it out if there is none")
	case len(p.text) > MaxPurpose:
		return "", invalid("parameter.purpose has %d bytes, at most %d are allowed", len(p.text), MaxPurpose)
	}
	return p.text, nil
}

// ReadPurpose returns the purpose in a request, a JSON object; empty if it names none or
// the body is not JSON.
func ReadPurpose(body []byte) (string, *Error) {
	var p purposeParameter
	_ = jsonobject.Read(body, func(name []byte, dec *jsontext.Decoder) error {
		switch {
		case string(name) == purposeName:
			return p.read(dec)
		case isMisspelt(name):
			p.misspelt = string(name)
		}
		return dec.SkipValue()
	})
	return p.parse()
}
