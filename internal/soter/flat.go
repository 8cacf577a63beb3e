package soter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/jsonobject"
)

// memberReader takes the members of a JSON object one by one.
type memberReader interface {
	// member takes a string, a number or a literal. Neither argument may be used after it
	// returned.
	member(name []byte, value jsontext.Token) error

	// nested reads an object or an array from dec, or refuses it.
	nested(name []byte, dec *jsontext.Decoder) error
}

// readFlat reads text as exactly one JSON object. By jsontext's defaults, duplicate names,
// invalid UTF-8 and trailing data are errors.
func readFlat(text []byte, r memberReader) error {
	if jsontext.Value(text).Kind() != '{' {
		return errors.New("want a JSON object")
	}
	err := jsonobject.Read(text, flatObject{r}.read)
	// Unmarshal wraps our reasons in the Go type's name, which is of no use to a caller.
	if semantic := (*json.SemanticError)(nil); errors.As(err, &semantic) && semantic.Err != nil {
		return semantic.Err
	}
	return err
}

// checkName refuses a name that some readers take for a known name and others do not. Many
// readers ignore case (encoding/json is one), and some end a text at a control character.
func checkName(name []byte, known ...string) error {
	if hasControl(name) {
		return errors.New("has a control character in its name")
	}
	for _, k := range known {
		if string(name) != k && strings.EqualFold(string(name), k) {
			return fmt.Errorf("differs from %s by case alone", k)
		}
	}
	return nil
}

func hasControl(text []byte) bool { return slices.ContainsFunc(text, isControl[byte]) }

func isControl[C byte | rune](c C) bool { return c < 0x20 }

// escapeControls makes JSON of a text whose only fault is control characters in strings.
// Parse its result, but verify the signature over text. A control character after a
// backslash stays as it is: there is no escape for it, and JSON refuses it.
func escapeControls(text []byte) []byte {
	if !hasControl(text) {
		return text
	}
	const hex = "0123456789abcdef"
	escaped := make([]byte, 0, len(text)+32)
	inString, afterBackslash := false, false
	for _, b := range text {
		if inString && !afterBackslash && isControl(b) {
			escaped = append(escaped, '\\', 'u', '0', '0', hex[b>>4], hex[b&0xf])
			continue
		}
		escaped = append(escaped, b)
		switch {
		case afterBackslash:
			afterBackslash = false
		case b == '"':
			inString = !inString
		case b == '\\':
			afterBackslash = inString
		}
	}
	return escaped
}

func checkSize(text []byte, limit int) error {
	if len(text) > limit {
		return fmt.Errorf("has %d bytes, want at most %d", len(text), limit)
	}
	return nil
}

type flatObject struct{ memberReader }

func (o flatObject) read(name []byte, dec *jsontext.Decoder) error {
	if kind := dec.PeekKind(); kind == '{' || kind == '[' {
		if err := o.nested(name, dec); err != nil {
			return fmt.Errorf("%q %w", name, err)
		}
		return nil
	}
	value, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if err := o.member(name, value); err != nil {
		return fmt.Errorf("%q %w", name, err)
	}
	return nil
}

// identity holds what every SOTER text says of its device.
type identity struct {
	cpuID, uid string
	counter    uint64
	salt       Salt // 0 if not announced
}

func (id *identity) member(name []byte, value jsontext.Token) (err error) {
	switch string(name) {
	case "cpu_id":
		return readString(&id.cpuID, value)
	case "uid":
		id.uid, err = readUID(value)
	case "counter":
		id.counter, err = readCounter(value)
	case "rsa_pss_saltlen":
		id.salt, err = readSalt(value)
	}
	return err
}

func (id *identity) nested([]byte, *jsontext.Decoder) error {
	return errors.New("is nested, want a flat object")
}

// complete refuses a text without the members that every SOTER text has, and sets the salt.
func (id *identity) complete() error {
	switch {
	case isNoCPUID(id.cpuID):
		return errNoCPUID
	case id.uid == "":
		return errors.New("uid is missing or empty")
	case id.counter == 0:
		return errNoCounter
	case id.salt == 0:
		id.salt = Salt20
	}
	return nil
}

// isNoCPUID reports whether a cpu_id has only zeros, as software that imitates SOTER writes
// it (DuckDetector, SoterAbuseAnalyzerTest).
func isNoCPUID(text string) bool { return strings.Trim(text, "0-") == "" }

func readString(target *string, value jsontext.Token) error {
	if value.Kind() != '"' {
		return errors.New("is not a string")
	}
	*target = value.String()
	return nil
}

// readUID reads a string or a number: the certificate form and emulators send numbers.
func readUID(value jsontext.Token) (string, error) {
	switch value.Kind() {
	case '"':
		return value.String(), nil
	case '0':
		text := value.String()
		if _, err := parseWhole(text); err != nil {
			return "", err
		}
		return text, nil
	}
	return "", errors.New("is neither a string nor a number")
}

func readCounter(value jsontext.Token) (uint64, error) {
	if kind := value.Kind(); kind != '0' && kind != '"' {
		return 0, errors.New("is neither a number nor a string")
	}
	n, err := parseWhole(value.String())
	if err == nil && n == 0 {
		return 0, errors.New("is 0, want a number above it")
	}
	return n, err
}

// parseWhole reads the only accepted form of a uint64: decimal, no sign, no fraction, no
// exponent and no leading zero.
func parseWhole(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || text[0] == '0' && len(text) > 1 {
		return 0, errors.New("is not a plain whole number below 2^64")
	}
	return n, nil
}

func readSalt(value jsontext.Token) (Salt, error) {
	if value.Kind() == '0' {
		switch value.String() {
		case "20":
			return Salt20, nil
		case "32":
			return Salt32, nil
		}
	}
	return 0, errors.New("is neither 20 nor 32")
}
