package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"
)

// usage returns what a flag of the command is for: its own text, or the one that several
// commands share.
func (i invocation) usage(name string, values ...any) string {
	if own := "flag." + i.flags.Name() + "." + name; i.Has(own) {
		return i.Say(own, values...)
	}
	return i.Say("flag."+name, values...)
}

func (i invocation) boolean(name string) *bool { return i.flags.Bool(name, false, i.usage(name)) }

func (i invocation) text(name, value string) *string {
	return i.flags.String(name, value, i.usage(name))
}

func (i invocation) duration(name string, value time.Duration) *time.Duration {
	return i.flags.Duration(name, value, i.usage(name))
}

// oneOf is a flag with one of the values in all.
func (i invocation) oneOf(name string, all []string, value string) *string {
	o := &oneOf{value, all}
	i.flags.Var(o, name, i.Say("flag.choices", i.usage(name), strings.Join(all, ", ")))
	return &o.value
}

// environment is a flag that collects NAME=VALUE.
func (i invocation) environment(name string) environment {
	e := environment{}
	i.flags.Var(e, name, i.usage(name))
	return e
}

// environment collects NAME=VALUE.
type environment map[string]string

// String implements flag.Value.
func (e environment) String() string { return "" }

// Set implements flag.Value.
func (e environment) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("want NAME=VALUE")
	}
	e[name] = value
	return nil
}

// oneOf is a flag whose values are known.
type oneOf struct {
	value string
	all   []string
}

// String implements flag.Value.
func (o *oneOf) String() string { return o.value }

// Set implements flag.Value.
func (o *oneOf) Set(text string) error {
	if !slices.Contains(o.all, text) {
		return fmt.Errorf("want one of %s", strings.Join(o.all, ", "))
	}
	o.value = text
	return nil
}

var (
	_ flag.Value = environment{}
	_ flag.Value = (*oneOf)(nil)
)
