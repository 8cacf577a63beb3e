package soter

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Claims is what a resultJSON tells its challenge's issuer when another party judges the
// signature. Trust none of it before that party has found the signature genuine.
type Claims struct {
	Raw     string // the challenge, as the Mini Program passed it; never empty
	CPUID   string // cpu_id, the device; "" if Uncounted
	Counter uint64 // grows with every signature on the device; 0 if Uncounted

	// Uncounted says why the text does not name its device and the device's counter; nil if
	// it does.
	Uncounted error
}

// ParseClaims reads a resultJSON of any size. Only raw must be readable, because WeChat
// signs for phones that nobody here has seen. It is a string in a JSON object, in UTF-8,
// with unique names. All other members may be absent, or have any name and any value,
// nested ones included. As by [ParseResult], unescaped control characters in values are
// accepted. For a text that ParseResult accepts, both return the same raw, cpu_id and
// counter.
//
// A text with two readings is refused: duplicate names, a spelling of raw in another case,
// control characters in names, lone surrogates, trailing text. The error is
// ErrMalformed, and the Claims with it is zero.
func ParseClaims(jsonString string) (Claims, error) {
	var r claimsReader
	if err := readFlat(escapeControls([]byte(jsonString)), &r); err != nil {
		return Claims{}, fmt.Errorf("resultJSON: %w: %w", ErrMalformed, err)
	}
	if r.claims.Raw == "" {
		return Claims{}, fmt.Errorf("resultJSON: %w: raw is missing or empty", ErrMalformed)
	}
	r.count()
	return r.claims, nil
}

type claimsReader struct {
	claims Claims
	device identity
	odd    error // the first mistake in cpu_id or counter
}

func (r *claimsReader) member(name []byte, value jsontext.Token) error {
	if err := checkName(name, "raw"); err != nil {
		return err
	}
	switch string(name) {
	case "raw":
		return readString(&r.claims.Raw, value)
	case "cpu_id", "counter":
		r.note(name, r.device.member(name, value))
	default:
		r.note(name, checkName(name, "cpu_id", "counter"))
	}
	return nil
}

func (r *claimsReader) nested(name []byte, dec *jsontext.Decoder) error {
	if err := checkName(name, "raw"); err != nil {
		return err
	}
	err := r.device.nested(name, dec)
	switch string(name) {
	case "raw":
		return err
	case "cpu_id", "counter":
		r.note(name, err)
	default:
		r.note(name, checkName(name, "cpu_id", "counter"))
	}
	return dec.SkipValue()
}

// note records a mistake in a member that is not required.
func (r *claimsReader) note(name []byte, err error) {
	if err != nil && r.odd == nil {
		r.odd = fmt.Errorf("%q %w", name, err)
	}
}

// count sets the device and its counter.
func (r *claimsReader) count() {
	switch {
	case r.odd != nil:
		r.claims.Uncounted = r.odd
	case isNoCPUID(r.device.cpuID):
		r.claims.Uncounted = errNoCPUID
	case r.device.counter == 0:
		r.claims.Uncounted = errNoCounter
	default:
		r.claims.CPUID, r.claims.Counter = r.device.cpuID, r.device.counter
	}
}

var (
	errNoCPUID   = errors.New("cpu_id is missing, empty or all zeros")
	errNoCounter = errors.New("counter is missing")
)
