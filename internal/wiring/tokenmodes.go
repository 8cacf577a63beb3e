package wiring

import (
	"slices"

	"sotercall/internal/accesstoken"
)

// tokenMode is a row of tokenModes: what a value of ACCESS_TOKEN_MODE means. The zero
// tokenMode fetches tokens for the apps that the variables name.
type tokenMode struct {
	name string
	// given makes the source of tokens that nobody fetches, and that no app of ours is
	// needed for; nil: tokens are fetched.
	given func(s verifySettings) accesstoken.Source
	// inRequest says that a request may bring the token.
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

// modeNames are the names of the modes that keep reports true of.
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

// mode is that of ACCESS_TOKEN_MODE; the zero tokenMode if there is none of that name.
func (s verifySettings) mode() tokenMode {
	i := slices.IndexFunc(tokenModes, func(m tokenMode) bool { return m.name == s.AccessTokenMode })
	if i < 0 {
		return tokenMode{}
	}
	return tokenModes[i]
}
