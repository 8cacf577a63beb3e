package openapi

import "context"

// Caller is the caller of a request, as far as it is proven. The zero Caller is unknown and
// has the least rights: it names no user, gets no access_token and enrols no key.
//
// Trust is an allow-list: only [Backend] and [User] make a Caller with rights, and only
// code that has seen the proof calls them. A field that a client writes proves nothing.
type Caller struct {
	role    role
	openid  string
	app     string // the AppID of the caller's app, as the platform states it
	onlyApp string // the AppID of the only app that its proof is good for
	why     string // why the caller is not known; shown to that caller only
}

type role byte

const (
	unknown  role = iota
	nameless      // a user without a known openid of this app
	user
	backend
)

// Backend returns the developer's own backend, which may name any user. The cloud's
// authorization of a direct invocation proves it, or a secret that only a backend has.
func Backend() Caller { return Caller{role: backend} }

// User returns a user that the platform vouches for. Such a user's requests concern that
// user only. Without an openid, the Caller is unknown.
func User(openid string) Caller {
	if openid == "" {
		return Caller{}
	}
	return Caller{role: user, openid: openid}
}

// Unknown returns a caller without any proof of its identity; why says what is missing. A
// secret that only a backend has may still prove it; see [Caller.WithProof].
func Unknown(why string) Caller { return Caller{why: why} }

// Nameless returns a user without an openid of this app; why says what the platform states
// instead. No secret turns such a user into a backend.
func Nameless(why string) Caller { return Caller{role: nameless, why: why} }

// WithProof returns the caller after it has shown a secret that only the developer's
// backend has. A user that the platform names remains a user: code on the user's side may
// have found the secret.
func (c Caller) WithProof() Caller {
	if c.role == unknown {
		return Backend()
	}
	return c
}

// IsBackend reports whether the caller is the developer's own backend.
func (c Caller) IsBackend() bool { return c.role == backend }

// IsUser reports whether the caller is a user that the platform vouches for.
func (c Caller) IsUser() bool { return c.role == user }

// IsNameless reports whether the caller is a user without a known openid.
func (c Caller) IsNameless() bool { return c.role == nameless }

// CheckKnown returns the refusal of a caller that is neither a backend nor a user with a
// known openid; nil for any other. Call it before reading a body.
func (c Caller) CheckKnown() *Error {
	if c.role == backend || c.role == user {
		return nil
	}
	return c.Refused()
}

// ResolveOpenID returns the user that a request concerns. openid is the one that the
// request names; it may be empty. A backend may name any user; a user only himself.
func (c Caller) ResolveOpenID(openid string) (string, *Error) {
	switch {
	case c.role == backend && openid == "":
		return "", invalid("parameter.openid is missing")
	case c.role == backend:
		return openid, nil
	case c.role != user:
		return "", c.Refused()
	case openid != "" && openid != c.openid:
		return "", NewError(CodeIllegalSource, "parameter.openid is not the user who calls", nil)
	}
	return c.openid, nil
}

// Refused returns the refusal of a caller that must be a backend and is not known to be
// one.
func (c Caller) Refused() *Error {
	switch {
	case c.role == user:
		return NewError(CodeIllegalSource, "the call comes from a user, and is only for the developer's own backend", nil)
	case c.why == "":
		return NewError(CodeIllegalSource, "the platform does not say who calls", nil)
	}
	return NewError(CodeIllegalSource, c.why, nil)
}

type callerKey struct{}

// WithCaller returns a context that carries c as the caller.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the Caller of ctx; without one, the zero Caller, which has the least
// rights.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
