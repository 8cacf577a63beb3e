package trigger

import (
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/jsonobject"
	"sotercall/internal/openapi"
)

// object holds members of a JSON object, not decoded yet: all, or those that a source
// reads.
type object map[string]jsontext.Value

// has reports whether a member is there, null included.
func (o object) has(name string) bool { return o[name] != nil }

// present reports whether a member is there and not null.
func (o object) present(name string) bool { return present(o[name]) }

// kind returns the kind of a member, 0 if it is not there.
func (o object) kind(name string) jsontext.Kind { return o[name].Kind() }

// text returns a member that is a string; empty if it is anything else.
func (o object) text(name string) string { return text(o[name]) }

// object returns a member that is an object; empty if it is anything else.
func (o object) object(name string) object { return members(o[name]) }

// members returns the members of an object, or nil for anything else. The payload was
// validated as a whole and the members stay undecoded, so there is no error left to report.
func members(value jsontext.Value) object {
	if value.Kind() != '{' {
		return nil
	}
	o := make(object)
	_ = jsonobject.Read(value, func(name []byte, dec *jsontext.Decoder) error {
		member, err := dec.ReadValue()
		end := int(dec.InputOffset())
		o[string(name)] = value[end-len(member) : end]
		return err
	})
	return o
}

// event is a payload: the members that any source reads, and those of its requestContext.
//
// The members are parts of the payload, not copies: an event may have 6 MiB, and its sender
// is not known yet.
type event struct {
	object
	context object

	payload []byte
	tooLong string // the name of a member that is longer than maxMember
}

// Limits of what is kept of an event. What gateways forward is far below: API Gateway takes
// 10 KB of headers, a load balancer 64 KB (their guides, "Quotas").
const (
	maxParts  = 1024      // members and elements of the whole event
	maxMember = 256 << 10 // bytes of a member other than the body
	maxQuery  = 32 << 10  // bytes of the query
	// maxBody bounds the JSON of a body, in bytes: openapi.MaxBody in base64, with each
	// character as an escape of six.
	maxBody = 2 + 6*(openapi.MaxBody+2)/3*4
)

// member keeps a known member and skips others, so a direct event costs one validating
// pass.
func (e *event) member(name []byte, dec *jsontext.Decoder) error {
	kept, ok := known[string(name)]
	if !ok {
		return dec.SkipValue()
	}
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if len(value) > maxMember && kept != "body" {
		e.tooLong = kept
		return nil
	}
	if e.object == nil {
		e.object = make(object)
	}
	end := int(dec.InputOffset())
	e.object[kept] = jsontext.Value(e.payload[end-len(value) : end])
	return nil
}

// known are the names that any source reads; each maps to itself.
var known = func() map[string]string {
	all := map[string]string{}
	keep := func(names []string) {
		for _, name := range names {
			all[name] = name
		}
	}
	keep(marks)
	for _, s := range sources {
		keep(s.members)
	}
	return all
}()

// present reports whether a member is there and not null.
func present(v jsontext.Value) bool { return v != nil && v.Kind() != 'n' }

// text decodes a JSON string, and is empty for anything else.
func text(v jsontext.Value) string {
	if v.Kind() != '"' {
		return ""
	}
	return string(content(v))
}

// content decodes a JSON string of the payload, which is known to be valid.
func content(v jsontext.Value) []byte {
	b, _ := jsonobject.AppendText(make([]byte, 0, len(v)), v)
	return b
}
