package openapi

import (
	"net/http"
	"slices"
	"time"
)

// Codes of our own failures. They are the ones that users of wx-server-sdk know
// (its src/config/error.config); WeChat's own codes pass through unchanged.
const (
	CodeInvalidParam  = -501007 // the question is wrong: do not ask it again
	CodeNoPermission  = -604101 // the caller may not use this call
	CodeTimeout       = -604102 // no time left: ask again
	CodeSystem        = -604103 // the upstream failed or answered nonsense: ask again
	CodeIllegalSource = -604104 // the caller asks about somebody else
)

// Codes of WeChat that this project words itself, where it answers as WeChat does.
const (
	CodeInvalidToken  = 40001
	CodeBadGrantType  = 40002
	CodeInvalidOpenID = 40003
	CodeInvalidAppID  = 40013
	CodeInvalidURL    = 40066
	CodeInvalidSecret = 40125
	CodeNoToken       = 41001
	CodeNoAppID       = 41002
	CodeNoSecret      = 41004
	CodeNotPost       = 43002
	CodeEmptyBody     = 44002
	CodeDayQuota      = 45009
	CodeDataFormat    = 47001
)

// Code is what is known about an errCode. A code that is not in the table has
// the Status and the rest of any other failure of an upstream.
type Code struct {
	// Number is the errCode, never 0.
	Number int
	// Text is wx-server-sdk's word for it (src/config/error.config), with which
	// errMsg begins; empty for WeChat's codes, whose errmsg passes through.
	Text string
	// Meaning says in a few words what happened, and Do what to do about it.
	Meaning, Do string
	// Status is the HTTP status at a camelCase door.
	Status int
	// RetryAfter is for how long a token endpoint's refusal with this code is
	// remembered instead of asking again: until a person has changed something, or
	// until WeChat's quota has recovered, and short enough that the change is seen
	// soon. Zero means that the next call may ask again at once.
	RetryAfter time.Duration
	// Stale says that an API refuses the access_token and accepts the next one.
	Stale bool
	// Busy says that the same question is worth repeating at once.
	Busy bool
	// OfRequest says that the code tells of the request, although Status does not:
	// where a WeChat SDK asks us, it reads WeChat's code for its own mistake.
	OfRequest bool
}

// Fault reports whether c tells of a fault of the deployment, of WeChat, or on the
// way there, of which whoever runs the function wants to hear. Every other code
// tells of the request, and is for the caller.
func (c Code) Fault() bool { return c.Status >= http.StatusInternalServerError && !c.OfRequest }

const (
	forAPerson = time.Minute      // until a person has corrected something
	forTheDay  = 10 * time.Minute // the day's quota, unless someone calls clear_quota
)

// codes is the one table of error codes: ours and WeChat's first, then the
// platform's as wx-server-sdk knows them. Sources: WeChat, soter.verifySignature,
// getAccessToken and getStableAccessToken; wx-server-sdk 4.0.2,
// src/config/error.config.
var codes = []Code{
	{Number: CodeInvalidParam, Text: "invalid parameters", Status: http.StatusBadRequest,
		Meaning: "the question is wrong; the message names the mistake; with `SOTER_VERIFIER=cloudcall` also: `missing wxCloudApiToken`, the invocation has no ticket for Cloud Calls",
		Do:      "change the request; [mistakes](mistakes.md) has them all; without a ticket: let the page call verify itself, or let verify ask by HTTPS ([CloudBase](cloudbase.md))"},
	{Number: CodeNoPermission, Text: "function has no permission to call this API", Status: http.StatusForbidden,
		Meaning: "requests over HTTP are not accepted from this caller; with `SOTER_VERIFIER=cloudcall` also: the platform does not permit this function the Cloud Call",
		Do:      "send a bearer token, or set `HTTP_BEARER_TOKENS` or `HTTP_AUTH`; with `cloudcall`: list `soter.verifySignature` in `config.json`, upload again with WeChat's developer tools, wait ten minutes"},
	{Number: CodeTimeout, Text: "call open API timeout", Status: http.StatusGatewayTimeout,
		Meaning: "no time was left before WeChat answered", Do: "try again"},
	{Number: CodeSystem, Text: "call open API system error", Status: http.StatusBadGateway,
		Meaning: "WeChat or the store failed or answered nonsense, or the function is not configured", Do: "try again; look at the log"},
	{Number: CodeIllegalSource, Text: "illegal source of invocation", Status: http.StatusForbidden,
		Meaning: "a user asked about another user, or the platform does not say who calls; with `cloudcall` also: the platform does not take the call from here",
		Do:      "ask about the user who calls; a backend calls as [Callers](callers.md) says"},

	{Number: -1, Status: http.StatusBadGateway, Busy: true,
		Meaning: "WeChat is busy, after several tries", Do: "try again"},
	{Number: CodeInvalidToken, Status: http.StatusBadGateway, RetryAfter: forAPerson, Stale: true,
		Meaning: "the access_token is not valid (any more), and replacing it did not help; from a token endpoint: the secret is wrong",
		Do:      "look at the log; at the HTTPS Call: fetch a token where this function fetches its own"},
	{Number: CodeBadGrantType, Status: http.StatusBadGateway, OfRequest: true, RetryAfter: forAPerson,
		Meaning: "grant_type is not client_credential", Do: "correct the client that fetches tokens"},
	{Number: CodeInvalidOpenID, Status: http.StatusBadRequest,
		Meaning: "the openid is not one of this appid, or WeChat knows no key of this user",
		Do:      "check, in this order: that openid and resultJSON come from the same user; that the appid is that of the Mini Program whose page signed; that the result was not made by another app"},
	{Number: CodeInvalidAppID, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "the appid is wrong", Do: "correct `WECHAT_APPID`"},
	{Number: 40014, Status: http.StatusBadGateway, Stale: true,
		Meaning: "as 40001", Do: "as 40001"},
	{Number: CodeInvalidURL, Status: http.StatusBadGateway, OfRequest: true,
		Meaning: "there is no such path", Do: "use a path of [the call](call.md)"},
	{Number: CodeInvalidSecret, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "the AppSecret is wrong", Do: "correct `WECHAT_APPSECRET`"},
	{Number: 40164, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "an allow-list of IP addresses is set, and this address is not on it", Do: "give the function a fixed egress address, or take the list away"},
	{Number: 40243, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "the AppSecret is frozen", Do: "unfreeze it in WeChat's console; Cloud Calls go on working"},
	{Number: CodeNoToken, Status: http.StatusBadGateway, OfRequest: true,
		Meaning: "the request has no access_token", Do: "at the HTTPS Call: send one"},
	{Number: CodeNoAppID, Status: http.StatusBadGateway, OfRequest: true, RetryAfter: forAPerson,
		Meaning: "the appid is missing", Do: "send it"},
	{Number: CodeNoSecret, Status: http.StatusBadGateway, OfRequest: true, RetryAfter: forAPerson,
		Meaning: "the secret is missing", Do: "send it"},
	{Number: 42001, Status: http.StatusBadGateway, Stale: true,
		Meaning: "as 40001", Do: "as 40001"},
	{Number: CodeNotPost, Status: http.StatusBadGateway, OfRequest: true, RetryAfter: forAPerson,
		Meaning: "the call wants POST", Do: "use POST"},
	{Number: CodeEmptyBody, Status: http.StatusBadGateway, OfRequest: true,
		Meaning: "the request has no body", Do: "send one"},
	{Number: CodeDayQuota, Status: http.StatusBadGateway, RetryAfter: forTheDay,
		Meaning: "the day's quota is used up", Do: "wait for the next day, or call clear_quota"},
	{Number: 45011, Status: http.StatusBadGateway, RetryAfter: time.Minute,
		Meaning: "the minute's quota is used up", Do: "wait for a minute"},
	{Number: CodeDataFormat, Status: http.StatusBadRequest,
		Meaning: "the body is not what WeChat expects", Do: "change the request"},
	{Number: 48001, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "the API is not granted to this account", Do: "check the account and its type"},
	{Number: 50002, Status: http.StatusBadGateway,
		Meaning: "the account is limited", Do: "look into WeChat's console"},
	{Number: 50004, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "the interface is forbidden for this account", Do: "look into WeChat's console"},
	{Number: 50007, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "the account is frozen", Do: "look into WeChat's console"},
	{Number: 61024, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "tokens of this account are fetched by a third-party platform", Do: "fetch them there"},
	{Number: 85105, Status: http.StatusBadGateway,
		Meaning: "the app that asks may not call this API for this account", Do: "use an environment of the Mini Program whose page signed"},
	{Number: 85107, Status: http.StatusBadGateway,
		Meaning: "Cloud Hosting: the API is not among the token permissions (微信令牌)",
		Do:      "[the three steps](cloud-hosting.md): the open API service on, `/cgi-bin/soter/verify_signature` listed, a new version built"},
	{Number: 85112, Status: http.StatusBadGateway,
		Meaning: "Cloud Hosting: the open API service is broken on the platform's side", Do: "open a ticket with the environment's ID, the AppID, the time and the request's ID"},
	{Number: 85113, Status: http.StatusBadGateway,
		Meaning: "Cloud Hosting: the open API service is not ready yet, as in the first version of a service", Do: "wait some minutes; then open a ticket"},
	{Number: 89501, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "this address was refused by the administrator", Do: "ask the administrator"},
	{Number: 89503, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "the administrator has not yet confirmed this address", Do: "ask the administrator to confirm it"},
	{Number: 89506, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "the administrator has refused this address twice", Do: "try again after a day"},
	{Number: 89507, Status: http.StatusBadGateway, RetryAfter: forAPerson,
		Meaning: "the administrator has refused this address once", Do: "try again after an hour"},

	{Number: -501001, Text: "resource system error", Status: http.StatusBadGateway,
		Meaning: "the gateway of Cloud Calls failed; its own word is in the log, such as `EXCEED_RATELIMIT` or `INVALID_ENV`; `INVALID_WX_ACCESS_TOKEN`: the invocation has no valid ticket",
		Do:      "what the message says in brackets; without brackets try again; without a ticket: let the page call verify itself, or let verify ask by HTTPS ([CloudBase](cloudbase.md))"},
	{Number: -501002, Text: "resource server timeout", Status: http.StatusBadGateway,
		Meaning: "the gateway did not answer in time", Do: "try again"},
	{Number: -501003, Text: "exceed request limit", Status: http.StatusBadGateway,
		Meaning: "the requests of the environment's plan are used up", Do: "look at its usage in the console; buy more, or wait for the next period"},
	{Number: -501004, Text: "exceed concurrent request limit", Status: http.StatusBadGateway,
		Meaning: "too many calls at once in the environment", Do: "try again after a pause, or take a larger plan"},
	{Number: -501005, Text: "invalid env", Status: http.StatusBadGateway,
		Meaning: "there is no such environment", Do: "check the environment that the function runs in"},
	{Number: -501006, Text: "invalid common parameters", Status: http.StatusBadGateway,
		Meaning: "the gateway does not understand the call", Do: "look at the log"},
	{Number: -501008, Text: "invalid request source", Status: http.StatusBadGateway,
		Meaning: "the gateway does not take calls from here", Do: "run the function in a CloudBase environment"},
	{Number: -501009, Text: "resource not initialized", Status: http.StatusBadGateway,
		Meaning: "the environment is not ready", Do: "try again in some minutes"},
	{Number: -504001, Text: "functions request fail", Status: http.StatusBadGateway},
	{Number: -504002, Text: "functions execute fail", Status: http.StatusBadGateway},
	{Number: -601001, Text: "system error", Status: http.StatusBadGateway},
	{Number: -601002, Text: "system args error", Status: http.StatusBadGateway},
	{Number: -601003, Text: "system network error", Status: http.StatusBadGateway},
	{Number: -601004, Text: "api permission denied", Status: http.StatusBadGateway},
	{Number: -601005, Text: "invalid cloudID", Status: http.StatusBadGateway},
	{Number: -601006, Text: "cloudID expired", Status: http.StatusBadGateway},
	{Number: -601007, Text: "cloudID and calling user does not match", Status: http.StatusBadGateway},
	{Number: -601008, Text: "server-side request timedout", Status: http.StatusBadGateway},
	{Number: -601009, Text: "missing mobile phone", Status: http.StatusBadGateway},
	{Number: -601010, Text: "no write permission", Status: http.StatusBadGateway},
	{Number: -601011, Text: "no privilege permission", Status: http.StatusBadGateway},
	{Number: -601012, Text: "unauthorized env", Status: http.StatusBadGateway},
	{Number: -601013, Text: "no multiend permission", Status: http.StatusBadGateway},
	{Number: -601015, Text: "access denied (cloudfunction cloudbase_auth returns empty errCode)", Status: http.StatusBadGateway},
	{Number: -601016, Text: "missing env auth info", Status: http.StatusBadGateway},
	{Number: -601017, Text: "access denied (cloudbase_auth returns non-zero errCode)", Status: http.StatusBadGateway},
	{Number: -601018, Text: "unauthorized API", Status: http.StatusBadGateway},
	{Number: -604100, Text: "API not found", Status: http.StatusBadGateway},
}

// byNumber finds a row of codes; it is never written after the start.
var byNumber = func() map[int]*Code {
	rows := make(map[int]*Code, len(codes))
	for i := range codes {
		rows[codes[i].Number] = &codes[i]
	}
	return rows
}()

// LookUp returns what is known about an errCode that is not 0.
func LookUp(number int) Code {
	if row, ok := byNumber[number]; ok {
		return *row
	}
	return Code{Number: number, Text: "unknown error", Status: http.StatusBadGateway}
}

// Codes returns the whole table: ours first, then WeChat's by number, then the
// platform's.
func Codes() []Code { return slices.Clone(codes) }
