package playground

import (
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/dev/sandbox"
)

// mistake is one failure: on the page, with the challenge, with the user, or at WeChat.
type mistake struct {
	Name, Group string

	// challenge returns the text that the phone signs; nil leaves that to the challenge
	// function, or to the page if there is none.
	challenge func(w World, openid, purpose string) (string, error)
	// otherOrder makes the backend pay another order than the signed one.
	otherOrder bool
	// foreign replaces the user by one that WeChat does not know.
	foreign bool
	// change changes the event before it is sent; other is another user's openid.
	change func(event *sandbox.Signed, other string) error
	// twice sends the event a second time; the second response counts.
	twice bool
	// fault is how WeChat fails; the zero Fault does not.
	fault sandbox.Fault
}

const (
	verifyPath = "/cgi-bin/soter/verify_signature"

	old      = 10 * time.Minute // longer than a challenge lives
	slowness = 30 * time.Second // longer than a function waits, here or at another server's
)

// mistakes is the table; the page shows them in this order, by group.
var mistakes = []mistake{
	{Name: "change-byte", Group: "event", change: func(event *sandbox.Signed, _ string) error {
		event.JSONSignature = changeByte(event.JSONSignature)
		return nil
	}},
	{Name: "stringify-twice", Group: "event", change: func(event *sandbox.Signed, _ string) error {
		text, err := json.Marshal(event.JSONString)
		event.JSONString = string(text)
		return err
	}},
	{Name: "swap", Group: "event", change: func(event *sandbox.Signed, _ string) error {
		event.JSONString, event.JSONSignature = event.JSONSignature, event.JSONString
		return nil
	}},

	{Name: "another-user", Group: "user", change: func(event *sandbox.Signed, other string) error {
		event.OpenID = other
		return nil
	}},
	{Name: "foreign-user", Group: "user", foreign: true},

	{Name: "replay", Group: "challenge", twice: true},
	{Name: "another-order", Group: "challenge", otherOrder: true},
	{Name: "expired", Group: "challenge", challenge: func(w World, openid, purpose string) (string, error) {
		return w.IssuedAt(openid, purpose, time.Now().Add(-old))
	}},
	{Name: "made-up", Group: "challenge", challenge: func(World, string, string) (string, error) { return "123456", nil }},

	{Name: "busy", Group: "wechat", fault: sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultErrCode, ErrCode: -1}},
	{Name: "slow", Group: "wechat", fault: sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultDelay, DelayMS: int(slowness.Milliseconds())}},
	{Name: "revoked", Group: "wechat", fault: sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultRotate, Times: 1}},
	{Name: "cut", Group: "wechat", fault: sandbox.Fault{Kind: sandbox.FaultReset}},
}

// times is how often the event is sent.
func (m mistake) times() int {
	if m.twice {
		return 2
	}
	return 1
}

// fails reports whether WeChat fails.
func (m mistake) fails() bool { return m.fault.Kind != "" }

// changeByte replaces one character in the middle of a base64 text by another.
func changeByte(text string) string {
	b := []byte(text)
	if i := len(b) / 2; b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}
