package wiring

import (
	"slices"

	"sotercall/internal/accesstoken"
)

// tokenMode is a row of tokenModes: the meaning of a value of ACCESS_TOKEN_MODE. The zero
// tokenMode fetches tokens for the apps that the variables name.
type tokenMode struct {
	name string
	// given returns the source of tokens that are not fetched, and need no app of ours;
	// nil: tokens are fetched.
	given func(s verifySettings) accesstoken.Source
	// inRequest says that a request may carry the token.
	inRequest bool
	// openAPI says that requests go through the open API service of Cloud Hosting, in the
	// clear and without a token. It works only after the start (WeChat Cloud Hosting, FAQ).
	openAPI bool
	// judgedBy is the preflight's name for the judge, in a mode that is given its tokens.
	// invocationOnly, unless nil, reports whether only an invocation can be judged.
	judgedBy       string
	invocationOnly func() bool
}

// tokenModes are all of them. The token function knows those that fetch.
var tokenModes = []tokenMode{
	{name: "stable"},
	{name: "classic"},
	{
		name: "cloudbase",
		given: func(verifySettings) accesstoken.Source {
			return accesstoken.NewCloudBase(cloudBaseToken, accesstoken.CloudBaseFile, WallClock)
		},
		inRequest: true,
		judgedBy:  "WeChat", invocationOnly: func() bool { return !isFile(accesstoken.CloudBaseFile) },
	},
	{
		name:     "none",
		given:    func(verifySettings) accesstoken.Source { return accesstoken.NewNone(WallClock) },
		openAPI:  true,
		judgedBy: "WeChat, through the open API service (开放接口服务),",
	},
}

// modeNames returns the names of the modes for which keep returns true.
func modeNames(keep func(tokenMode) bool) (names []string) {
	for _, mode := range tokenModes {
		if keep(mode) {
			names = append(names, mode.name)
		}
	}
	return names
}

func (m tokenMode) fetches() bool { return m.given == nil }

func anyMode(tokenMode) bool { return true }

// mode returns that of ACCESS_TOKEN_MODE; the zero tokenMode for an unknown name.
func (s verifySettings) mode() tokenMode {
	i := slices.IndexFunc(tokenModes, func(m tokenMode) bool { return m.name == s.AccessTokenMode })
	if i < 0 {
		return tokenMode{}
	}
	return tokenModes[i]
}
