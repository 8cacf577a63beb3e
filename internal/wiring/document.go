package wiring

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/jsonobject"
	"sotercall/internal/secret"
	"sotercall/internal/tokenserver"
	"sotercall/internal/wiring/filewatch"
)

const (
	// maxDocument bounds a document, in bytes: some thousand apps.
	maxDocument = 1 << 20
	// minClientSecret is the minimum length of a client's secret, in bytes: 128 bits in
	// hex, the poorest alphabet that a generator writes. No name in the document is as
	// long, so a secret in the place of a name is refused and not printed.
	minClientSecret = 32
)

// appSet is the document of WECHAT_APPS. It lists the Mini Programs and Official Accounts
// of a deployment, and the clients with the apps whose tokens they may have:
//
//	{
//	  "apps": {
//	    "wx0123456789abcdef": {"secret": "…"},
//	    "wxfedcba9876543210": {"secret": "…", "mode": "classic"}
//	  },
//	  "clients": {
//	    "shop": {"secrets": ["…"], "apps": ["wx0123456789abcdef"]},
//	    "reports": {"secrets": ["…", "…"], "apps": ["*"]}
//	  }
//	}
//
// secret is the AppSecret; if tokens come from a token function, it is the secret of one of
// that function's clients. mode is stable (getStableAccessToken, the default) or classic
// (getAccessToken). A client has one secret, or several during a rotation, and the apps
// whose tokens it may have; "*" stands for all.
//
// parseApps is strict: it refuses unknown members, duplicate names and values that cannot
// work. It reports each with its place in the document, a JSON pointer (RFC 6901). No
// message holds a value, nor a name that is long enough to be a secret.
type appSet struct {
	Apps    []listedApp // in the document's order; at least one
	Clients []tokenserver.Client

	loaded filewatch.Content // of the file of the document; zero if it was in no file
}

// IDs returns the AppIDs, in the document's order.
func (s appSet) IDs() []string {
	ids := make([]string, 0, len(s.Apps))
	for _, app := range s.Apps {
		ids = append(ids, app.ID)
	}
	return ids
}

// listedApp is one Mini Program or Official Account.
type listedApp struct {
	ID     string
	Secret secret.Text
	// Classic fetches tokens by getAccessToken instead of getStableAccessToken.
	Classic bool
}

// invalidDocument lists the mistakes in a document: for each its place and what should be
// there. It holds no secret.
type invalidDocument struct{ Problems []string }

// maxProblems bounds the mistakes in one error, which is also a response of the function.
const maxProblems = 5

// Error implements error.
func (e *invalidDocument) Error() string { return strings.Join(e.Problems, "; ") }

// parseApps reads a document. The error is an *invalidDocument.
func parseApps(document []byte) (appSet, error) {
	if len(document) > maxDocument {
		return appSet{}, &invalidDocument{[]string{fmt.Sprintf("is longer than %d bytes", maxDocument)}}
	}
	var d struct {
		Apps    members[appMember]    `json:"apps"`
		Clients members[clientMember] `json:"clients"`
	}
	if err := json.Unmarshal(document, &d, json.RejectUnknownMembers(true)); err != nil {
		return appSet{}, &invalidDocument{[]string{misread(err)}}
	}
	if jsontext.Value(document).Kind() != '{' {
		return appSet{}, &invalidDocument{[]string{"must be a JSON object"}}
	}
	var p problems
	set := appSet{Apps: p.apps(d.Apps)}
	set.Clients = p.clients(d.Clients, set.Apps)
	if len(p) > maxProblems {
		p = append(p[:maxProblems], fmt.Sprintf("and %d more", len(p)-maxProblems))
	}
	if len(p) > 0 {
		return appSet{}, &invalidDocument{p}
	}
	return set, nil
}

// appMember and clientMember are members of a document, as written.
type (
	appMember struct {
		Secret secret.Text `json:"secret"`
		Mode   string      `json:"mode"`
	}
	clientMember struct {
		Secrets []secret.Text `json:"secrets"`
		Apps    []string      `json:"apps"`
	}
)

// members are those of an object, in their order, so that a message can number one whose
// name must not be printed.
type members[T any] []member[T]

type member[T any] struct {
	name  string
	value T
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (m *members[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	// 0: it is not JSON, which the decoder will report
	if kind := dec.PeekKind(); kind != '{' && kind != 0 {
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

// problems collects mistakes.
type problems []string

func (p *problems) add(at, should string) { *p = append(*p, at+" "+should) }

func (p *problems) apps(all members[appMember]) []listedApp {
	if len(all) == 0 {
		p.add("/apps", "is missing: it names each app and its secret")
	}
	var apps []listedApp
	for i, m := range all {
		at := place("/apps", i, m.name, mistypedAppID().MatchString)
		if !isAppID(m.name) {
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
		apps = append(apps, listedApp{ID: m.name, Secret: m.value.Secret, Classic: m.value.Mode == "classic"})
	}
	return apps
}

func (p *problems) clients(all members[clientMember], apps []listedApp) []tokenserver.Client {
	var clients []tokenserver.Client
	// by AppID; by secret: the index of its client, -1 for an app
	ids, owners := map[string]bool{}, map[string]int{}
	for _, app := range apps {
		ids[app.ID], owners[app.Secret.Reveal()] = true, -1
	}
	for i, m := range all {
		at := place("/clients", i, m.name, clientName().MatchString)
		if !clientName().MatchString(m.name) {
			p.add(at, fmt.Sprintf("must have a name of letters, digits and -_. with fewer than %d characters", minClientSecret))
		}
		if len(m.value.Secrets) == 0 {
			p.add(at+"/secrets", "is missing")
		}
		for n, s := range m.value.Secrets {
			p.clientSecret(fmt.Sprintf("%s/secrets/%d", at, n), s, i, owners)
		}
		clients = append(clients, tokenserver.Client{Name: m.name, Secrets: m.value.Secrets, Apps: p.rights(at+"/apps", m.value.Apps, ids)})
	}
	return clients
}

// clientSecret checks a secret of a client. owners has the secrets seen before.
func (p *problems) clientSecret(at string, s secret.Text, client int, owners map[string]int) {
	text := s.Reveal()
	if len(text) < minClientSecret || strings.TrimSpace(text) != text {
		p.add(at, fmt.Sprintf("must be a secret of at least %d bytes without blanks around it", minClientSecret))
		return
	}
	switch owner, known := owners[text]; {
	case !known:
		owners[text] = client
	case owner < 0:
		p.add(at, "must not be the secret of an app: that stays in this function")
	case owner != client:
		p.add(at, "must not be the secret of another client")
	}
}

// rights returns the apps whose tokens a client may have; nil for all of them.
func (p *problems) rights(at string, names []string, ids map[string]bool) []string {
	if len(names) == 0 {
		p.add(at, `is missing: it lists AppIDs, or "*" for all`)
	}
	if len(names) == 1 && names[0] == "*" {
		return nil
	}
	for n, name := range names {
		if !ids[name] {
			p.add(fmt.Sprintf("%s/%d", at, n), `is not one of /apps, nor "*" alone`)
		}
	}
	return append([]string{}, names...)
}

// place returns the place of a member: its name if that may be printed, else its number.
func place(at string, i int, name string, mayBePrinted func(string) bool) string {
	if mayBePrinted(name) {
		return at + "/" + name
	}
	return fmt.Sprintf("%s/#%d", at, i+1)
}

// misread returns why the document could not be read. The parser's own error quotes it.
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

// pointer returns a JSON pointer into the document. Each name that is not ours, and could
// be a misplaced secret, becomes ….
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
			ok = above == "apps" && mistypedAppID().MatchString(name) || above == "clients" && clientName().MatchString(name)
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

// isAppID reports whether a text looks like an AppID of WeChat: wx and 16 hex digits in
// lower case.
func isAppID(text string) bool { return weChatAppID().MatchString(text) }

// Forms of names. mistypedAppID matches the AppIDs that a message may show: it is shorter
// than any secret. Compiled on first use.
var (
	mistypedAppID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^wx[0-9A-Za-z_-]{1,29}$`) })
	weChatAppID   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^wx[0-9a-f]{16}$`) })
	clientName    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z_.-]{1,31}$`) })
)
