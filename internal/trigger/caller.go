package trigger

import (
	"log/slog"
	"strings"
)

// Caller is whom the platform says it invoked the function for. The zero Caller
// means it named nobody: not a Mini Program's call, or not on Tencent's cloud.
//
// A Caller printed or logged shows the openid and unionid shortened, enough to
// find a user's other log lines and too little to address the user.
type Caller struct {
	OpenID  string // the user, within the Mini Program AppID
	AppID   string // the Mini Program that called
	UnionID string // the user across the developer's apps, when WeChat has bound one
	Source  string // how the call travelled, for example wx_client, or a chain such as "wx_client,scf"
}

// CallerOf reads the caller from the environment that came with this one
// invocation: WX_OPENID, WX_APPID, WX_UNIONID and TCB_SOURCE, the values that
// getWXContext of wx-server-sdk returns (WeChat cloud development, "getWXContext").
//
// Pass FunctionContext.Environment of scf-go-lib, and nothing wider.
//   - Not the process environment: the library copies each invocation's values
//     there and never removes them, so on a warm instance os.Getenv still names
//     the previous caller, and with parallel invocations anybody's.
//   - Not event.userInfo, nor an X-WX-OPENID header: in an event that somebody
//     else than the Mini Program gateway built, these are the client's words.
func CallerOf(environment map[string]string) Caller {
	return Caller{
		OpenID:  environment["WX_OPENID"],
		AppID:   environment["WX_APPID"],
		UnionID: environment["WX_UNIONID"],
		Source:  environment["TCB_SOURCE"],
	}
}

// FromPage reports whether a page of a Mini Program made this very call, on a
// phone or in the developer tools. In a chain such as "wx_client,scf" the last
// one called: a function, on its own account.
func (c Caller) FromPage() bool {
	last := c.Source[strings.LastIndex(c.Source, ",")+1:]
	return last == "wx_client" || last == "wx_devtools"
}

// String is the caller as LogValue shows it, on one line.
func (c Caller) String() string {
	attrs := c.attrs()
	words := make([]string, len(attrs))
	for i, a := range attrs {
		words[i] = a.String()
	}
	return strings.Join(words, " ")
}

// LogValue implements [slog.LogValuer]: the known parts, openid and unionid
// shortened.
func (c Caller) LogValue() slog.Value { return slog.GroupValue(c.attrs()...) }

func (c Caller) attrs() []slog.Attr {
	var attrs []slog.Attr
	for _, a := range []slog.Attr{
		slog.String("openid", mask(c.OpenID)),
		slog.String("appid", c.AppID),
		slog.String("unionid", mask(c.UnionID)),
		slog.String("source", c.Source),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	return attrs
}

// mask keeps the ends of an id: oABC…1234. One too short to hide anything
// behind its ends is hidden whole.
func mask(id string) string {
	const end = 4
	switch {
	case id == "":
		return ""
	case len(id) < 4*end:
		return "…"
	}
	return id[:end] + "…" + id[len(id)-end:]
}
