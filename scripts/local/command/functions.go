package main

import (
	"slices"

	"sotercall/internal/dev/sandbox"
)

// function is a function of a world.
type function struct {
	name    string
	program string   // the folder of its binary, below functions/
	paths   []string // of its HTTP endpoints; the first is the one of a direct invocation
	// alternative marks a second function with the same paths.
	alternative bool
}

// strictVerify is verify with CHALLENGE_SECRET, beside the one without it.
const strictVerify = "verify-challenges"

// functions are those of a world. Each needs only those before it.
var functions = []function{
	{name: "token", program: "token", paths: []string{"/cgi-bin/token", "/cgi-bin/stable_token"}},
	{name: "challenge", program: "challenge", paths: []string{"/openapi/soter/issueChallenge"}},
	{name: "verify", program: "verify", paths: verifyPaths},
	{name: strictVerify, program: "verify", paths: verifyPaths, alternative: true},
}

var verifyPaths = []string{"/openapi/soter/verifySignature", "/cgi-bin/soter/verify_signature"}

// container is Cloud Hosting's program in place of functions: all of them behind one port.
const container = "service"

// functionsBase is the prefix of the functions' paths: WeChat's own are the sandbox's.
const functionsBase = "/functions"

// Secrets between the functions of a world. They are valid nowhere else.
const (
	clientSecret    = "local-client-secret-is-no-secret"
	challengeSecret = "local-challenge-secret-is-no-secret"
)

// programs returns the binaries of a world.
func (s settings) programs() (programs []string) {
	for _, f := range functions {
		if s.hosts(f.name) && s.runsEvents() && !slices.Contains(programs, f.program) {
			programs = append(programs, f.program)
		}
	}
	if s.runs(httpPlatform) {
		programs = append(programs, container)
	}
	return programs
}

// variables returns the variables of a function of the world at base. The token function
// gets the sandbox as its WeChat, and verify gets the token function. Their endpoints are
// open, because only this computer reaches them.
func (f function) variables(base string, challenges bool) map[string]string {
	switch f.name {
	case "token":
		return map[string]string{
			"WECHAT_APPID":         sandbox.DefaultAppID,
			"WECHAT_APPSECRET":     sandbox.DefaultAppSecret,
			"WECHAT_API_BASE":      base,
			"TOKEN_CLIENT_SECRETS": clientSecret,
			"HTTP_BASE_PATH":       functionsBase,
		}
	case "challenge":
		return map[string]string{"CHALLENGE_SECRET": challengeSecret, "HTTP_AUTH": "platform", "HTTP_BASE_PATH": functionsBase}
	}
	verify := map[string]string{
		"WECHAT_APPID":      sandbox.DefaultAppID,
		"WECHAT_APPSECRET":  clientSecret,
		"WECHAT_API_BASE":   base,
		"WECHAT_TOKEN_BASE": base + functionsBase,
		"HTTP_AUTH":         "platform",
		"HTTP_BASE_PATH":    functionsBase,
	}
	if challenges || f.name == strictVerify {
		verify["CHALLENGE_SECRET"] = challengeSecret
	}
	return verify
}
