package main

import (
	"sync/atomic"
	"time"

	"sotercall/internal/dev/sandbox"
)

const (
	verifyPath = "/cgi-bin/soter/verify_signature"
	tokenPath  = "/cgi-bin/stable_token"

	// tokenLife is short, so that tokens end during a soak. WeChat issues the next one a
	// tenth of it before; shorter than 10 s, expires_in would be 0.
	tokenLife = 10 * time.Second
	// soakTimeout is the functions' own limit.
	soakTimeout = 5 * time.Second
)

// trouble is a failure of WeChat during one round of the load.
type trouble struct {
	name   string
	begin  func(*sandbox.Sandbox, *clock)
	faults []sandbox.Fault
	// excused are the codes that a probe may get if it calls WeChat; none if the function
	// must cope.
	excused []int
	// takes is about how long the round lasts, if more than a moment.
	takes time.Duration
	// pause is the minimum time until the next one of the kind.
	pause time.Duration
	// most is the maximum number of times; 0 is any.
	most int
}

// clock is WeChat's.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(by time.Duration) { c.ahead.Add(int64(by)) }

func rotate(s *sandbox.Sandbox, _ *clock) { s.RotateTokens() }

func troubles() []trouble {
	// strikes returns a fault of the call for that many of a round's requests. once must
	// cost no response: a function tries again, and it may do so for one call in ten, on
	// average.
	strikes := func(kind sandbox.FaultKind, times int) sandbox.Fault {
		return sandbox.Fault{Path: verifyPath, Kind: kind, Times: times}
	}
	errcode := func(code int) sandbox.Fault {
		f := strikes(sandbox.FaultErrCode, 1)
		f.ErrCode = code
		return f
	}
	delay := func(ms, times int) sandbox.Fault {
		f := strikes(sandbox.FaultDelay, times)
		f.DelayMS = ms
		return f
	}
	noAnswer := strikes(sandbox.FaultBody, 1)
	noAnswer.Body = `{"errcode":0,"errmsg":"ok"}`
	noToken := sandbox.Fault{Path: tokenPath, Kind: sandbox.FaultHTML}
	return []trouble{
		{name: "none"},
		{name: "the token expires early", begin: func(_ *sandbox.Sandbox, c *clock) { c.advance(tokenLife) }},
		{name: "the token is refreshed elsewhere", begin: rotate},
		{name: "WeChat refuses the token that it gives", begin: func(s *sandbox.Sandbox, _ *clock) { s.RevokeTokens() },
			// Forced refreshes are 30 s apart and 20 a day, and the functions share them.
			// The second one is refused until WeChat issues another.
			excused: []int{codeStale}, pause: 31 * time.Second, most: 10},
		{name: "busy", faults: []sandbox.Fault{errcode(-1)}},
		{name: "quota", faults: []sandbox.Fault{errcode(45009)}, excused: []int{45009}},
		{name: "reset", faults: []sandbox.Fault{strikes(sandbox.FaultReset, 1)}},
		{name: "drop", faults: []sandbox.Fault{strikes(sandbox.FaultDrop, 1)}},
		{name: "bad gateway", faults: []sandbox.Fault{strikes(sandbox.FaultStatus, 1)}},
		{name: "truncated", faults: []sandbox.Fault{strikes(sandbox.FaultTruncated, 1)}},
		{name: "web page", faults: []sandbox.Fault{strikes(sandbox.FaultHTML, 1)}},
		{name: "empty", faults: []sandbox.Fault{strikes(sandbox.FaultEmpty, 1)}},
		{name: "redirect", faults: []sandbox.Fault{strikes(sandbox.FaultRedirect, 1)}, excused: []int{codeUpstream}},
		{name: "no is_ok", faults: []sandbox.Fault{noAnswer}},
		{name: "nothing but is_ok", faults: []sandbox.Fault{strikes(sandbox.FaultBare, 4)}},
		{name: "slow", faults: []sandbox.Fault{delay(30, 8)}},
		{name: "silent", faults: []sandbox.Fault{delay(60_000, 1)}, takes: soakTimeout, pause: 20 * time.Second},
		{name: "no next token", begin: rotate, faults: []sandbox.Fault{noToken}, excused: []int{codeUpstream},
			takes: 3 * time.Second, pause: 15 * time.Second},
	}
}
