// Package apps is the document that tells a deployment which Mini Programs and
// Official Accounts it works for, and which clients may have the tokens of which:
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
// secret is the AppSecret; where tokens come from a token function, it is a secret
// of one of that function's clients. mode is stable (getStableAccessToken, the
// default) or classic (getAccessToken). A client has one secret, or several while
// they are changed, and the apps that it may have tokens of; "*" stands for all.
//
// [Parse] is strict: a member that it does not know, a duplicate name and a
// value that cannot work are refused, each with its place in the document, as a JSON
// pointer (RFC 6901). No message holds a value, nor a name that is long enough to be
// a secret.
package apps

import (
	"regexp"
	"slices"
	"sync"

	"sotercall/internal/secret"
)

const (
	// MaxDocument is how long a document may be, in bytes: some thousand apps.
	MaxDocument = 1 << 20
	// MinClientSecret is how long a client's secret is at least, in bytes: 128 bits,
	// in the poorest alphabet that a generator writes. No name in the document is as
	// long, so that a secret in the place of a name is refused and not printed.
	MinClientSecret = 32
)

// Set is what a document says.
type Set struct {
	Apps    []App // in the document's order; at least one
	Clients []Client
}

// IDs are the AppIDs, in the document's order.
func (s Set) IDs() []string {
	ids := make([]string, 0, len(s.Apps))
	for _, app := range s.Apps {
		ids = append(ids, app.ID)
	}
	return ids
}

// App is one Mini Program or Official Account.
type App struct {
	ID     string
	Secret secret.Text
	// Classic fetches tokens by getAccessToken instead of getStableAccessToken.
	Classic bool
}

// Client may have the tokens of some apps.
type Client struct {
	// Name is for the log; empty if it has none.
	Name string
	// Secrets are those that it may present. Several are in force while they are
	// changed.
	Secrets []secret.Text
	// Apps are the AppIDs that it may have the tokens of; nil for all.
	Apps []string
}

// Has reports whether the secret that somebody presents is the client's. It takes
// the same time whichever of the secrets it is.
func (c Client) Has(presented string) bool {
	has := false
	for _, s := range c.Secrets {
		has = s.Matches(presented) || has
	}
	return has
}

// May reports whether the client may have the tokens of an app. It says nothing of
// whether there is such an app.
func (c Client) May(appID string) bool { return c.Apps == nil || slices.Contains(c.Apps, appID) }

// IsLimited reports whether there are apps that the client may not know of.
func (c Client) IsLimited() bool { return c.Apps != nil }

// IsAppID reports whether a text looks like an AppID of WeChat: wx and 16 hex digits in
// small letters.
func IsAppID(text string) bool { return appID().MatchString(text) }

// What names look like. mistyped has the AppIDs that a message may show: it is shorter
// than any secret. Compiled on first use.
var (
	mistyped   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^wx[0-9A-Za-z_-]{1,29}$`) })
	appID      = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^wx[0-9a-f]{16}$`) })
	clientName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z_.-]{1,31}$`) })
)
