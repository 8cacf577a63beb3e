// Package config reads a function's environment variables, and words what is
// wrong with them.
//
// A function has one struct for its configuration, with a field for each
// variable. [Read] fills it; a [Check] then collects every variable that cannot
// work, so that whoever deploys sees all mistakes at once. No message holds a
// value: it may be a secret.
package config

import (
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"

	"sotercall/internal/loopback"
)

// Read fills the struct that into points to from the variables that its env tags
// name. A variable that is empty counts as not set.
func Read(into any, environment map[string]string) error {
	set := make(map[string]string, len(environment))
	for name, value := range environment {
		if value != "" {
			set[name] = value
		}
	}
	if err := env.ParseWithOptions(into, env.Options{Environment: set}); err != nil {
		var field env.ParseError
		if errors.As(err, &field) {
			return errors.New(variable(into, field.Name) + " cannot be read") // the library would quote the value
		}
		return errors.New("the variables cannot be read")
	}
	return nil
}

// variable is the variable that a field of the struct is filled from.
func variable(into any, field string) string {
	f, _ := reflect.TypeOf(into).Elem().FieldByName(field)
	return f.Tag.Get("env")
}

// Check collects what is wrong. The zero Check has found nothing.
type Check struct{ problems []string }

// Err tells everything that was found in one line; nil if there was nothing.
func (c *Check) Err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(c.problems, "; "))
}

// That demands ok of a variable; otherwise it is told what the variable should
// be.
func (c *Check) That(ok bool, name, should string) {
	if !ok {
		c.problems = append(c.problems, name+" "+should)
	}
}

// Required demands that a variable is set.
func (c *Check) Required(name string, isSet bool) { c.That(isSet, name, "is not set") }

// OneOf demands one of some values.
func (c *Check) OneOf(name, value string, allowed ...string) {
	c.That(slices.Contains(allowed, value), name, "must be one of "+strings.Join(allowed, ", "))
}

// Address reads the base address of an API. Secrets travel there: in the clear
// to this machine only.
func (c *Check) Address(name, text string) *url.URL {
	base, err := url.Parse(text)
	ok := err == nil && base.Hostname() != "" && (base.Scheme == "https" || base.Scheme == "http" && loopback.Host(base.Hostname()))
	c.That(ok, name, "must be an https address (http only to this machine)")
	return base
}
