package openapi

import (
	"cmp"
	"slices"
)

// From returns the caller with the AppID of the app that the platform says it comes from;
// empty if it says nothing.
func (c Caller) From(appID string) Caller {
	c.app = appID
	return c
}

// OnlyFor returns the caller with a proof that is good for one app only, as an access_token
// is; empty for no such limit.
func (c Caller) OnlyFor(appID string) Caller {
	c.onlyApp = appID
	return c
}

// ResolveAppID returns the AppID that a request concerns. appID is the one that it names;
// it may be empty. served are the function's apps; none if the platform decides, as it does
// where it provides the access_token itself.
//
// A user's request concerns the app that the platform names. A request that an access_token
// admitted concerns the token's app. A backend may name any of served; if it names none,
// the platform's app is meant, or the only one. The AppID is empty if nothing names it and
// served is empty.
func (c Caller) ResolveAppID(appID string, served []string) (string, *Error) {
	fixed := c.onlyApp
	if c.role != backend {
		if fixed != "" && c.app != "" && fixed != c.app {
			return "", NewError(CodeIllegalSource, "the access_token is not one of the app that the user calls from", nil)
		}
		fixed = cmp.Or(fixed, c.app)
	}
	switch {
	case fixed != "":
		return resolveFixed(fixed, appID, served)
	case c.role != backend && (len(served) > 1 || len(served) == 0 && appID != ""):
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

// resolveFixed resolves the app of a caller that is bound to one.
func resolveFixed(fixed, appID string, served []string) (string, *Error) {
	switch {
	case appID != "" && appID != fixed:
		return "", NewError(CodeIllegalSource, "parameter.appid is not the app that the call comes from", nil)
	case len(served) > 0 && !slices.Contains(served, fixed):
		return "", NewError(CodeIllegalSource, "the call comes from an app that this function does not work for", nil)
	}
	return fixed, nil
}

// resolveNamed resolves the app of a request that names one.
func (c Caller) resolveNamed(appID string, served []string) (string, *Error) {
	switch {
	case len(served) > 0 && slices.Contains(served, appID), len(served) == 0 && (c.app == "" || c.app == appID):
		return appID, nil
	case c.role != backend:
		return "", NewError(CodeIllegalSource, "parameter.appid is not the app that the user calls from", nil)
	}
	return "", invalid("parameter.appid is not an app that this function works for")
}
