package wiring

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/caarlos0/env/v11"

	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

// readVariables fills the struct that into points to from the variables that its env tags
// name. An empty variable counts as not set. The tag form describes a valid value, for the
// error.
//
// It removes the end of a value's line, which files and pipes leave there, and refuses
// other pasted text: see pastedByMistake.
func readVariables(into any, environment map[string]string) error {
	set := make(map[string]string, len(environment))
	var problems checker
	for _, variable := range described(reflect.TypeOf(into).Elem()) {
		value := strings.TrimRight(environment[variable.Name], "\r\n")
		if value == "" {
			continue
		}
		set[variable.Name] = value
		if problem := pastedByMistake(value); problem != "" {
			problems.That(false, variable.Name, problem)
		}
	}
	if err := problems.Err(); err != nil {
		return err
	}
	if err := env.ParseWithOptions(into, env.Options{Environment: set}); err != nil {
		var field env.ParseError
		if errors.As(err, &field) {
			return errors.New(unreadable(into, field.Name)) // the library would quote the value
		}
		return errors.New("the variables cannot be read")
	}
	return nil
}

// unreadable returns the message for a field whose variable cannot be parsed. It says which
// form the variable must have.
func unreadable(into any, field string) string {
	f, _ := reflect.TypeOf(into).Elem().FieldByName(field)
	if form := f.Tag.Get("form"); form != "" {
		return f.Tag.Get("env") + " must be " + form
	}
	return f.Tag.Get("env") + " cannot be read"
}

// checker collects mistakes. The zero checker has found none.
type checker struct{ problems []string }

// Err returns all mistakes in one line; nil if there are none.
func (c *checker) Err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(c.problems, "; "))
}

// That demands ok of a variable; otherwise it adds that the variable should be as should
// says.
func (c *checker) That(ok bool, name, should string) {
	if !ok {
		c.problems = append(c.problems, name+" "+should)
	}
}

// Required demands that a variable is set.
func (c *checker) Required(name string, isSet bool) { c.That(isSet, name, "is not set") }

// OneOf demands one of some values.
func (c *checker) OneOf(name, value string, allowed ...string) {
	c.That(slices.Contains(allowed, value), name, "must be one of "+strings.Join(allowed, ", "))
}

// Address reads the base address of an API. Secrets are sent there, so http is allowed only
// to this machine, from a container as well, and to plain. Those are of the form host or
// host:port. Anything behind the address is refused by name: a part of WeChat's paths, a
// query, a fragment.
func (c *checker) Address(name, text string, plain ...string) *url.URL {
	base, err := url.Parse(text)
	ok := err == nil && (upstream.IsConfidential(base) || base.Scheme == "http" && base.Hostname() != "" && (slices.Contains(plain, base.Hostname()) || slices.Contains(plain, base.Host)))
	c.That(ok, name, "must be an https address (http only to this machine, or to a host that CLEARTEXT_HOSTS names)")
	if ok {
		c.That(base.User == nil, name, "must not have a user name or a password in it")
		c.That(base.RawQuery == "" && !base.ForceQuery, name, "must end before the ?: the function adds the query")
		c.That(base.Fragment == "" && !strings.Contains(text, "#"), name, "must end before the #")
		c.That(!slices.ContainsFunc(weChatPaths, func(path string) bool { return strings.Contains(base.Path+"/", path) }), name,
			"must end before /cgi-bin, as https://api.weixin.qq.com does: the function adds the path")
	}
	return base
}

// weChatPaths are the prefixes of paths of WeChat's API, which every function adds itself.
var weChatPaths = []string{"/cgi-bin/", "/wxa/", "/sns/"}

// BasePath demands a prefix for paths: segments of letters, digits and -._~, each after a
// slash, and no slash at the end. Empty is none.
func (c *checker) BasePath(name, text string) {
	ok := text == "" || basePath().MatchString(text) && path.Clean(text) == text
	c.That(ok, name, "must look like /soter or /v1/soter")
}

var basePath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`) })

// minSecret is the minimum length of a secret of the deployer's own choice, in bytes. 16
// random bytes cannot be guessed; shorter ones are often words.
const minSecret = 16

// Secrets demands that each secret of a comma-separated list is long enough and has no
// blanks around it: presented secrets are compared unchanged.
func (c *checker) Secrets(name string, secrets []secret.Text) {
	for _, s := range secrets {
		text := s.Reveal()
		if len(text) < minSecret || strings.TrimSpace(text) != text {
			c.That(false, name, fmt.Sprintf("must be secrets of at least %d bytes, separated by commas without blanks", minSecret))
			return
		}
	}
}

// Apart reports secrets of one variable that are also secrets of another. A holder of one
// must not have the other.
func (c *checker) Apart(name string, secrets []secret.Text, otherName string, others []secret.Text) {
	c.That(!overlap(secrets, others), name, "must not hold a secret of "+otherName)
}

// overlap reports whether a secret is in both lists. It takes time in proportion to their
// lengths: use it for the deployer's secrets, not for presented ones.
func overlap(a, b []secret.Text) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	known := make(map[string]bool, len(a))
	for _, s := range a {
		known[s.Reveal()] = !s.IsZero()
	}
	return slices.ContainsFunc(b, func(s secret.Text) bool { return known[s.Reveal()] })
}

// HTTPAuth reports an invalid HTTP_AUTH, invalid HTTP_BEARER_TOKENS, and tokens that
// HTTP_AUTH does not use.
func (c *checker) HTTPAuth(auth string, tokens []secret.Text) {
	c.OneOf("HTTP_AUTH", auth, "bearer", "platform", "wechat")
	c.Secrets("HTTP_BEARER_TOKENS", tokens)
	c.That(auth != "platform" || len(tokens) == 0, "HTTP_BEARER_TOKENS", "is not used with HTTP_AUTH=platform: set one of the two")
}

// Addresses reads base addresses of one API, in the order of preference, each as Address
// does.
func (c *checker) Addresses(name string, texts []string, plain ...string) []*url.URL {
	var bases []*url.URL
	for i, text := range texts {
		text = strings.TrimSpace(text)
		c.That(!slices.Contains(texts[:i], text), name, "holds an address that is duplicated")
		bases = append(bases, c.Address(name, text, plain...))
	}
	return bases
}
