package soter

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Answer is what a resultJSON says to whoever issued the challenge and leaves the
// signature to another judge. Nothing in it is to be believed before that judge
// found the signature genuine.
type Answer struct {
	Raw     string // the challenge, as the Mini Program passed it; never empty
	CPUID   string // cpu_id, the device; "" if Uncounted
	Counter uint64 // grows with every signature on the device; 0 if Uncounted

	// Uncounted says why the text does not tell which device has counted how far;
	// nil if it does.
	Uncounted error
}

// ParseAnswer reads a resultJSON of any size. WeChat signs for phones that nobody
// here has seen, so that only raw must be readable: a string in a JSON object, in
// UTF-8, with unique names. All other members may have any name and any value,
// nested ones included, or be absent. Unescaped control characters in values are
// let pass, as by [ParseResult]. A text that ParseResult accepts has the same raw,
// cpu_id and counter here.
//
// What could be read in two ways is refused: a duplicate name, a name that differs
// from raw by case alone, a control character in a name, half a surrogate pair,
// anything after the object. The error is ErrMalformed, and the Answer with it is
// the zero one.
func ParseAnswer(jsonString string) (Answer, error) {
	var r answerReader
	if err := readFlat(escapeControls([]byte(jsonString)), &r); err != nil {
		return Answer{}, fmt.Errorf("resultJSON: %w: %w", ErrMalformed, err)
	}
	if r.answer.Raw == "" {
		return Answer{}, fmt.Errorf("resultJSON: %w: raw is missing or empty", ErrMalformed)
	}
	r.count()
	return r.answer, nil
}

type answerReader struct {
	answer Answer
	device identity
	odd    error // what is the first to be wrong with cpu_id or counter
}

func (r *answerReader) member(name []byte, value jsontext.Token) error {
	if err := checkName(name, "raw"); err != nil {
		return err
	}
	switch string(name) {
	case "raw":
		return readString(&r.answer.Raw, value)
	case "cpu_id", "counter":
		r.note(name, r.device.member(name, value))
	default:
		r.note(name, checkName(name, "cpu_id", "counter"))
	}
	return nil
}

func (r *answerReader) nested(name []byte, dec *jsontext.Decoder) error {
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

// note keeps what is wrong with a member that is not needed.
func (r *answerReader) note(name []byte, err error) {
	if err != nil && r.odd == nil {
		r.odd = fmt.Errorf("%q %w", name, err)
	}
}

// count settles who has counted how far.
func (r *answerReader) count() {
	switch {
	case r.odd != nil:
		r.answer.Uncounted = r.odd
	case isNoCPUID(r.device.cpuID):
		r.answer.Uncounted = errNoCPUID
	case r.device.counter == 0:
		r.answer.Uncounted = errNoCounter
	default:
		r.answer.CPUID, r.answer.Counter = r.device.cpuID, r.device.counter
	}
}

var (
	errNoCPUID   = errors.New("cpu_id is missing, empty or all zeros")
	errNoCounter = errors.New("counter is missing")
)
