package wiring

import (
	"net/url"
	"slices"
	"strings"

	"sotercall/internal/secret"
)

// Credentials that are public in this repository: those of the sandbox, the examples and
// the local world. Each secret among them contains one of publicMarks. If one of them
// guarded a real app's tokens, any reader of this repository could get them.
const publicAppID = "wx5a4db0c55a4db0c5"

var publicMarks = []string{"no-secret", "-on-this-computer"}

// refusePublic demands other credentials than the public ones if one of the bases is
// WeChat's own. secrets are by variable.
func refusePublic(check *checker, bases []*url.URL, appID string, set appSet, secrets map[string][]secret.Text) {
	if !slices.ContainsFunc(bases, isWeChats) {
		return
	}
	const should = "must not be a credential of the sandbox or of an example: anybody can read it"
	check.That(appID != publicAppID, "WECHAT_APPID", should)
	for _, name := range []string{"WECHAT_APPSECRET", "TOKEN_CLIENT_SECRETS", "CHALLENGE_SECRET", "HTTP_BEARER_TOKENS"} {
		check.That(!slices.ContainsFunc(secrets[name], isPublic), name, should)
	}
	if appID == "" {
		public := slices.ContainsFunc(set.Apps, func(a listedApp) bool { return a.ID == publicAppID }) ||
			slices.ContainsFunc(appSecrets(set), isPublic) || slices.ContainsFunc(clientSecrets(set.Clients), isPublic)
		check.That(!public, "WECHAT_APPS or WECHAT_APPS_FILE", "must not hold a credential of the sandbox or of an example: anybody can read it")
	}
}

// isWeChats reports whether the host of an address is one of WeChat's own hosts.
func isWeChats(base *url.URL) bool { return base != nil && isWeChatHost(base.Hostname()) }

func isPublic(s secret.Text) bool {
	return slices.ContainsFunc(publicMarks, func(mark string) bool { return strings.Contains(s.Reveal(), mark) })
}
