package apps

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/jsonobject"
	"sotercall/internal/secret"
)

// Invalid says what is wrong with a document: for each mistake its place and what
// should be there. No secret is in it.
type Invalid struct{ Problems []string }

// maxProblems is how many mistakes are told: the error is an answer of the function,
// too.
const maxProblems = 5

// Error implements error.
func (e *Invalid) Error() string { return strings.Join(e.Problems, "; ") }

// Parse reads a document. The error is an *Invalid.
func Parse(document []byte) (Set, error) {
	if len(document) > MaxDocument {
		return Set{}, &Invalid{[]string{fmt.Sprintf("is longer than %d bytes", MaxDocument)}}
	}
	var d struct {
		Apps    members[app]    `json:"apps"`
		Clients members[client] `json:"clients"`
	}
	if err := json.Unmarshal(document, &d, json.RejectUnknownMembers(true)); err != nil {
		return Set{}, &Invalid{[]string{misread(err)}}
	}
	if jsontext.Value(document).Kind() != '{' {
		return Set{}, &Invalid{[]string{"must be a JSON object"}}
	}
	var p problems
	set := Set{Apps: p.apps(d.Apps)}
	set.Clients = p.clients(d.Clients, set.Apps)
	if len(p) > maxProblems {
		p = append(p[:maxProblems], fmt.Sprintf("and %d more", len(p)-maxProblems))
	}
	if len(p) > 0 {
		return Set{}, &Invalid{p}
	}
	return set, nil
}

// app and client are members of a document as they stand there.
type (
	app struct {
		Secret secret.Text `json:"secret"`
		Mode   string      `json:"mode"`
	}
	client struct {
		Secrets []secret.Text `json:"secrets"`
		Apps    []string      `json:"apps"`
	}
)

// members are an object's, in their order, so that one whose name must not be
// printed can be told by its number.
type members[T any] []member[T]

type member[T any] struct {
	name  string
	value T
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (m *members[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if kind := dec.PeekKind(); kind != '{' && kind != 0 { // 0: it is no JSON, which the decoder will say
		return errors.New("not an object")
	}
	return jsonobject.Members(dec, func(name []byte, dec *jsontext.Decoder) error {
		one := member[T]{name: string(name)}
		if err := json.UnmarshalDecode(dec, &one.value); err != nil {
			return err
		}
		*m = append(*m, one)
		return nil
	})
}

// problems collects what is wrong.
type problems []string

func (p *problems) add(at, should string) { *p = append(*p, at+" "+should) }

func (p *problems) apps(all members[app]) []App {
	if len(all) == 0 {
		p.add("/apps", "is missing: it names each app and its secret")
	}
	var apps []App
	for i, m := range all {
		at := place("/apps", i, m.name, mistyped().MatchString)
		if !IsAppID(m.name) {
			p.add(at, "must have an AppID as its name: wx and 16 of the characters 0-9 and a-f")
		}
		switch text := m.value.Secret.Reveal(); {
		case text == "":
			p.add(at+"/secret", "is missing")
		case strings.TrimSpace(text) != text:
			p.add(at+"/secret", "must not have blanks around it")
		}
		if mode := m.value.Mode; mode != "" && mode != "stable" && mode != "classic" {
			p.add(at+"/mode", "must be one of stable, classic")
		}
		apps = append(apps, App{ID: m.name, Secret: m.value.Secret, Classic: m.value.Mode == "classic"})
	}
	return apps
}

func (p *problems) clients(all members[client], apps []App) []Client {
	var clients []Client
	for i, m := range all {
		at := place("/clients", i, m.name, clientName().MatchString)
		if !clientName().MatchString(m.name) {
			p.add(at, fmt.Sprintf("must have a name of letters, digits and -_. with fewer than %d characters", MinClientSecret))
		}
		if len(m.value.Secrets) == 0 {
			p.add(at+"/secrets", "is missing")
		}
		for n, s := range m.value.Secrets {
			p.clientSecret(fmt.Sprintf("%s/secrets/%d", at, n), s, apps, clients)
		}
		clients = append(clients, Client{Name: m.name, Secrets: m.value.Secrets, Apps: p.rights(at+"/apps", m.value.Apps, apps)})
	}
	return clients
}

func (p *problems) clientSecret(at string, s secret.Text, apps []App, others []Client) {
	text := s.Reveal()
	if len(text) < MinClientSecret || strings.TrimSpace(text) != text {
		p.add(at, fmt.Sprintf("must be a secret of at least %d bytes without blanks around it", MinClientSecret))
		return
	}
	if slices.ContainsFunc(apps, func(a App) bool { return a.Secret.Equal(s) }) {
		p.add(at, "must not be the secret of an app: that stays in this function")
	}
	if slices.ContainsFunc(others, func(c Client) bool { return c.Has(text) }) {
		p.add(at, "must not be the secret of another client")
	}
}

// rights are the apps that a client may have the tokens of; nil for all of them.
func (p *problems) rights(at string, names []string, apps []App) []string {
	if len(names) == 0 {
		p.add(at, `is missing: it lists AppIDs, or "*" for all`)
	}
	if len(names) == 1 && names[0] == "*" {
		return nil
	}
	for n, name := range names {
		if !slices.ContainsFunc(apps, func(a App) bool { return a.ID == name }) {
			p.add(fmt.Sprintf("%s/%d", at, n), `is not one of /apps, nor "*" alone`)
		}
	}
	return append([]string{}, names...)
}

// place is where a member stands: by its name if that may be printed, else by its
// number.
func place(at string, i int, name string, mayBePrinted func(string) bool) string {
	if mayBePrinted(name) {
		return at + "/" + name
	}
	return fmt.Sprintf("%s/#%d", at, i+1)
}

// misread words why the document could not be read. The parser's own words quote it.
func misread(err error) string {
	var syntax *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		return pointer(syntax.JSONPointer) + " is duplicated"
	case errors.As(err, &syntax):
		return fmt.Sprintf("%s is not valid JSON, at byte %d", pointer(syntax.JSONPointer), syntax.ByteOffset)
	case errors.As(err, &semantic) && errors.Is(err, json.ErrUnknownName):
		return fmt.Sprintf("%s is not known here, at byte %d", pointer(semantic.JSONPointer), semantic.ByteOffset)
	case errors.As(err, &semantic):
		return fmt.Sprintf("%s has a value of the wrong kind, at byte %d", pointer(semantic.JSONPointer), semantic.ByteOffset)
	default:
		return "cannot be read"
	}
}

// pointer is a JSON pointer into the document, with … for each name in it that is
// none of ours and could be a secret in the wrong place.
func pointer(p jsontext.Pointer) string {
	var b strings.Builder
	var above string // apps or clients
	level := 0
	for name := range p.Tokens() {
		ok := false
		switch level {
		case 0:
			above = name
			ok = name == "apps" || name == "clients"
		case 1:
			ok = above == "apps" && mistyped().MatchString(name) || above == "clients" && clientName().MatchString(name)
		case 2:
			ok = slices.Contains([]string{"secret", "mode", "secrets", "apps"}, name)
		default:
			_, err := strconv.Atoi(name)
			ok = err == nil
		}
		if !ok {
			name = "…"
		}
		b.WriteString("/" + name)
		level++
	}
	if level == 0 {
		return "/"
	}
	return b.String()
}
