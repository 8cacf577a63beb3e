package trigger

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// object is a JSON object, or the part of one that somebody asks for, its members
// still undecoded.
type object map[string]jsontext.Value

// has reports whether a member is there, null included.
func (o object) has(name string) bool { return o[name] != nil }

// present reports whether a member is there and not null.
func (o object) present(name string) bool { return present(o[name]) }

// kind is the kind of a member, 0 if it is not there.
func (o object) kind(name string) jsontext.Kind { return o[name].Kind() }

// text is a member that is a string; empty if it is anything else.
func (o object) text(name string) string { return text(o[name]) }

// object is a member that is an object; empty if it is anything else.
func (o object) object(name string) object { return members(o[name]) }

// members takes an object apart, or returns nothing of anything else. The
// payload was validated as a whole and the members stay undecoded, so that there is
// no error left to report.
func members(value jsontext.Value) object {
	if value.Kind() != '{' {
		return nil
	}
	var o object
	_ = json.Unmarshal(value, &o)
	return o
}

// event is a payload: the members that are known to any source, and those of its
// requestContext.
type event struct {
	object
	context object
}

// member keeps a member that is known and passes over others, so that a direct event
// costs one validating pass.
func (e *event) member(name []byte, dec *jsontext.Decoder) error {
	kept, ok := known[string(name)]
	if !ok {
		return dec.SkipValue()
	}
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if e.object == nil {
		e.object = make(object)
	}
	e.object[kept] = value.Clone()
	return nil
}

// known are the names that any source reads; each stands for itself.
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
	b, _ := jsontext.AppendUnquote(nil, v) // valid: it was read from the payload
	return string(b)
}
