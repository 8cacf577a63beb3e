package wiring

import (
	"strings"

	"sotercall/internal/challenge"
)

// unusedSetting is a row of unusedSettings: variables that would be ignored without a word
// where condition holds. Whoever deploys is told text behind the name of each that is set;
// {mode} in it is ACCESS_TOKEN_MODE.
type unusedSetting struct {
	variables []string
	condition func(s verifySettings) bool
	text      string
}

// unusedSettings are the settings of verify that another setting makes useless.
var unusedSettings = []unusedSetting{
	{[]string{"COUNTER_POLICY"},
		func(s verifySettings) bool { return s.CounterPolicy == challenge.EnforceCounter && !s.Store.isSet() },
		"cannot be enforced without a store that all instances share: set REDIS_URL or DYNAMODB_TABLE"},
	{[]string{"CHALLENGE_PURPOSE"},
		func(s verifySettings) bool { return len(s.ChallengeSecret) == 0 },
		"is only used with CHALLENGE_SECRET: without challenges, nothing ties a signature to a purpose"},
	{[]string{"AUTHKEYS_FILE"},
		func(s verifySettings) bool { return s.Verifier != "local" },
		"is only for SOTER_VERIFIER=local"},
	{[]string{"ACCESS_TOKEN_MODE"},
		func(s verifySettings) bool { return !s.fetches() && !s.asksWeChat() },
		"is {mode} only for SOTER_VERIFIER=wechat: nobody else asks WeChat itself"},
	{[]string{"WECHAT_API_BASE"},
		func(s verifySettings) bool { return !s.fetches() && !s.asksWeChat() },
		"is not used here"},
	{[]string{"WECHAT_APPID", "WECHAT_APPSECRET", "WECHAT_APPS", "WECHAT_APPS_FILE", "WECHAT_TOKEN_BASE"},
		func(s verifySettings) bool { return !s.fetches() },
		"is not used with ACCESS_TOKEN_MODE={mode}"},
	{[]string{"WECHAT_APPS", "WECHAT_APPS_FILE"},
		func(s verifySettings) bool { return s.fetches() && s.Verifier == "cloudcall" },
		"is not used with SOTER_VERIFIER=cloudcall: a Cloud Call is about the platform's own app"},
	// Where WeChat is not asked, tokens are only for the HTTPS Call, and that needs an app.
	{[]string{"WECHAT_API_BASE", "WECHAT_TOKEN_BASE", "ACCESS_TOKEN_MODE"},
		func(s verifySettings) bool { return s.fetches() && !s.asksWeChat() && !s.namesApps() },
		"is not used without WECHAT_APPID and WECHAT_APPSECRET"},
}

// checkUnused refuses the variables that would be ignored.
func (s verifySettings) checkUnused(check *checker, environment map[string]string) {
	for _, row := range unusedSettings {
		if !row.condition(s) {
			continue
		}
		for _, name := range row.variables {
			isSet := strings.TrimRight(environment[name], "\r\n") != ""
			check.That(!isSet, name, strings.ReplaceAll(row.text, "{mode}", s.AccessTokenMode))
		}
	}
}
