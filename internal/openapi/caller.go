package openapi

import "context"

// Caller is who calls, as far as it is proven. The zero Caller is unknown and
// may do the least: it names no user, gets no access_token and enrols no key.
//
// Trust is an allow-list: only [Backend] and [User] make a Caller that may do
// anything, and only who has the proof calls them. A field that a client writes
// proves nothing.
type Caller struct {
	standing standing
	openid   string
	app      string // the AppID of the app that the platform says it comes from
	onlyApp  string // the AppID of the one app that its proof is good for
	why      string // why the caller is not known, for its own eyes
}

type standing byte

const (
	unknown  standing = iota
	nameless          // a user, and which of this app's users is not known
	user
	backend
)

// Backend is the developer's own backend, which may name any user. The cloud's
// authorization of a direct invocation proves it, or a secret that only a
// backend has.
func Backend() Caller { return Caller{standing: backend} }

// User is a user for whom the platform vouches. A question of his is about
// himself. Without an openid he is nobody that is known.
func User(openid string) Caller {
	if openid == "" {
		return Caller{}
	}
	return Caller{standing: user, openid: openid}
}

// Unknown is a caller whom nothing proves to be anybody; why says what is
// missing. A secret that only a backend has may still prove it; see
// [Caller.WithProof].
func Unknown(why string) Caller { return Caller{why: why} }

// Nameless is a user of whom the platform does not tell an openid of this app;
// why says what it tells. No secret makes a backend of him.
func Nameless(why string) Caller { return Caller{standing: nameless, why: why} }

// WithProof is the caller after it has shown a secret that only the developer's
// backend has. A user, whom the platform names, remains one: whoever runs his
// code may have found the secret.
func (c Caller) WithProof() Caller {
	if c.standing == unknown {
		return Backend()
	}
	return c
}

// IsBackend reports whether the caller is the developer's own backend.
func (c Caller) IsBackend() bool { return c.standing == backend }

// IsUser reports whether the caller is a user for whom the platform vouches.
func (c Caller) IsUser() bool { return c.standing == user }

// IsNameless reports whether the caller is a user of whom no openid is known.
func (c Caller) IsNameless() bool { return c.standing == nameless }

// CheckKnown returns the refusal of a caller that is neither a backend nor a user of whom
// the openid is known, nil for any other: before a body is read.
func (c Caller) CheckKnown() *Error {
	if c.standing == backend || c.standing == user {
		return nil
	}
	return c.Refused()
}

// ResolveOpenID settles whom a question is about that names openid, which may be empty:
// whomever a backend names, and a user nobody but himself.
func (c Caller) ResolveOpenID(openid string) (string, *Error) {
	switch {
	case c.standing == backend && openid == "":
		return "", invalid("parameter.openid is missing")
	case c.standing == backend:
		return openid, nil
	case c.standing != user:
		return "", c.Refused()
	case openid != "" && openid != c.openid:
		return "", NewError(CodeIllegalSource, "parameter.openid is not the user who calls", nil)
	}
	return c.openid, nil
}

// Refused is what a caller is told who must be a backend and is not known to be
// one.
func (c Caller) Refused() *Error {
	switch {
	case c.standing == user:
		return NewError(CodeIllegalSource, "the call comes from a user, and is only for the developer's own backend", nil)
	case c.why == "":
		return NewError(CodeIllegalSource, "the platform does not say who calls", nil)
	}
	return NewError(CodeIllegalSource, c.why, nil)
}

type callerKey struct{}

// WithCaller returns a context in which c is the one who calls.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the Caller of ctx; the zero Caller, who may do the least,
// if there is none.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
