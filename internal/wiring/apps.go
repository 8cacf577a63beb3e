package wiring

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/tokenserver"
	"sotercall/internal/wiring/filewatch"
)

// appsSettings are the variables that name a function's apps: one app in two variables, or
// a document (appSet) in a variable or a file.
type appsSettings struct {
	AppID     string
	AppSecret secret.Text
	Mode      string // ACCESS_TOKEN_MODE
	Document  secret.Text
	File      string
}

// isDocument reports whether a document names the apps.
func (s appsSettings) isDocument() bool { return !s.Document.IsZero() || s.File != "" }

// read reads the apps; none if there are none. A mistake is reported with the variable and
// the place in the document.
func (s appsSettings) read(check *checker, environment map[string]string) appSet {
	if !s.isDocument() {
		if s.AppID == "" || s.AppSecret.IsZero() {
			return appSet{}
		}
		check.That(isAppID(s.AppID), "WECHAT_APPID", "must be an AppID: wx and 16 of the characters 0-9 and a-f")
		return appSet{Apps: []listedApp{{ID: s.AppID, Secret: s.AppSecret, Classic: s.Mode == "classic"}}}
	}
	name, document := "WECHAT_APPS", []byte(s.Document.Reveal())
	var loaded filewatch.Content
	if s.File != "" {
		check.That(s.Document.IsZero(), "WECHAT_APPS", "is not used with WECHAT_APPS_FILE: set one of the two")
		name = "WECHAT_APPS_FILE"
		var err error
		if document, loaded, err = filewatch.Read(s.File); err != nil {
			check.That(!errors.Is(err, fs.ErrNotExist), name, "names a file that is not there")
			check.That(errors.Is(err, fs.ErrNotExist), name, "names a file that cannot be read")
			return appSet{}
		}
	}
	check.That(!bytes.HasPrefix(document, []byte("\ufeff")), name, "begins with a byte order mark: save it as UTF-8 without one")
	for _, variable := range []string{"WECHAT_APPID", "WECHAT_APPSECRET"} {
		check.That(environment[variable] == "", variable, "is not used with "+name+": the document names the apps")
	}
	check.That(environment["ACCESS_TOKEN_MODE"] == "", "ACCESS_TOKEN_MODE", "is not used with "+name+": each app has its mode there")
	set, err := parseApps(document)
	set.loaded = loaded
	if invalid, ok := errors.AsType[*invalidDocument](err); ok {
		for _, problem := range invalid.Problems {
			check.That(false, name, problem)
		}
	}
	return set
}

// requireDistinct reports secrets of the named variable that are also secrets of an app or
// a client.
func requireDistinct(check *checker, name string, secrets []secret.Text, set appSet) {
	check.Apart(name, secrets, "an app", appSecrets(set))
	check.Apart(name, secrets, "a client", clientSecrets(set.Clients))
}

func appSecrets(set appSet) []secret.Text {
	var all []secret.Text
	for _, app := range set.Apps {
		all = append(all, app.Secret)
	}
	return all
}

func clientSecrets(clients []tokenserver.Client) []secret.Text {
	var all []secret.Text
	for _, client := range clients {
		all = append(all, client.Secrets...)
	}
	return all
}

// managed returns the apps of a token function.
func managed(all accesstoken.Apps) map[string]tokenserver.Source {
	m := make(map[string]tokenserver.Source, len(all))
	for appID, cache := range all {
		m[appID] = cache
	}
	return m
}

// byApp verifies each request with the access_token of its app.
type byApp map[string]openapi.Verifier

// Verify implements [openapi.Verifier].
func (b byApp) Verify(ctx context.Context, r openapi.Request) (openapi.Verdict, error) {
	verifier := b[r.AppID]
	if verifier == nil {
		return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "the request is about an app that this function does not work for", nil)
	}
	return verifier.Verify(ctx, r)
}

// clientsOf returns the clients of the document, and the one of TOKEN_CLIENT_SECRETS, which
// may have the tokens of all apps.
func clientsOf(secrets []secret.Text, set appSet) []tokenserver.Client {
	clients := slices.Clone(set.Clients)
	if len(secrets) > 0 {
		clients = append(clients, tokenserver.Client{Secrets: secrets})
	}
	return clients
}
