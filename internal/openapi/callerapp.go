package openapi

import (
	"cmp"
	"slices"
)

// From is the caller of whom the platform says that it comes from the app with that
// AppID; empty if it says nothing.
func (c Caller) From(appID string) Caller {
	c.app = appID
	return c
}

// OnlyFor is the caller whose proof is good for one app and no other, as an
// access_token is; empty if nothing is known of that.
func (c Caller) OnlyFor(appID string) Caller {
	c.onlyApp = appID
	return c
}

// ResolveAppID settles which app a question is about that names appID, which may be
// empty. served are the apps that the function works for; none if the platform
// decides that, as where it gives the access_token itself.
//
// A user's question is about the app that the platform names, and one that an
// access_token has let in is about the token's. A backend may name any that is
// served; if it names none, the platform's is meant, or the only one. The AppID is
// empty if nothing tells it and served is empty.
func (c Caller) ResolveAppID(appID string, served []string) (string, *Error) {
	fixed := c.onlyApp
	if c.standing != backend {
		if fixed != "" && c.app != "" && fixed != c.app {
			return "", NewError(CodeIllegalSource, "the access_token is not one of the app that the user calls from", nil)
		}
		fixed = cmp.Or(fixed, c.app)
	}
	switch {
	case fixed != "":
		return resolveFixed(fixed, appID, served)
	case c.standing != backend && (len(served) > 1 || len(served) == 0 && appID != ""):
		return "", NewError(CodeIllegalSource, "the platform does not say which app the user calls from", nil)
	case appID != "":
		return c.resolveNamed(appID, served)
	case len(served) == 0, slices.Contains(served, c.app):
		return c.app, nil
	case len(served) > 1:
		return "", invalid("parameter.appid is missing: this function works for several apps")
	}
	return served[0], nil
}

// resolveFixed is for a caller who can mean one app only.
func resolveFixed(fixed, appID string, served []string) (string, *Error) {
	switch {
	case appID != "" && appID != fixed:
		return "", NewError(CodeIllegalSource, "parameter.appid is not the app that the call comes from", nil)
	case len(served) > 0 && !slices.Contains(served, fixed):
		return "", NewError(CodeIllegalSource, "the call comes from an app that this function does not work for", nil)
	}
	return fixed, nil
}

// resolveNamed is for a question that names its app.
func (c Caller) resolveNamed(appID string, served []string) (string, *Error) {
	switch {
	case len(served) > 0 && slices.Contains(served, appID), len(served) == 0 && (c.app == "" || c.app == appID):
		return appID, nil
	case c.standing != backend:
		return "", NewError(CodeIllegalSource, "parameter.appid is not the app that the user calls from", nil)
	}
	return "", invalid("parameter.appid is not an app that this function works for")
}
