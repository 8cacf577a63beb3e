package hosted

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/wechat/cloudcall"
)

// weChat returns a reply of WeChat with this body, wrapped if s acts as the gateway.
func (s *Echo) weChat(body string) string {
	if s.gateway {
		return ok("application/octet-stream", string(cloudcall.Response{Data: []byte(body), ContentType: "application/json"}.Marshal()))
	}
	return ok("application/json", body)
}

// errMsg returns an error of WeChat with this text.
func (s *Echo) errMsg(words string) string {
	quoted, _ := jsontext.AppendQuote(nil, words)
	return s.weChat(`{"errcode":40097,"errmsg":` + string(quoted) + `}`)
}

// around returns a part of the request that begins or ends within a secret, where word
// stands in it.
func around(text, word string, before, after int) string {
	at := strings.Index(text, word)
	if at < 0 {
		return text[:len(text)/2]
	}
	return text[max(0, at-before):min(len(text), at+len(word)+after)]
}

type echoReply = func(s *Echo, request []byte, text string) string

func inErrMsg(write func(request []byte, text string) string) echoReply {
	return func(s *Echo, request []byte, text string) string { return s.errMsg(write(request, text)) }
}

// EchoWays are the EchoWays of [RequireNoEcho].
var EchoWays = []EchoWay{
	{"as the reply", func(_ *Echo, r []byte, _ string) string { return string(r) }},
	{"status line", func(_ *Echo, _ []byte, text string) string { return "HTTP/1.1 " + text + "\r\n\r\n" }},
	{"HTTP version", func(_ *Echo, _ []byte, text string) string { return "HTTP/" + text + " 200 OK\r\n\r\n" }},
	{"reason phrase", func(_ *Echo, _ []byte, text string) string {
		return "HTTP/1.1 403 " + text + "\r\nContent-Length: 0\r\n\r\n"
	}},
	{"header name", func(_ *Echo, _ []byte, text string) string { return "HTTP/1.1 200 OK\r\n" + text + "\r\n\r\n" }},
	{"header value", func(_ *Echo, _ []byte, text string) string { return ok(text, "{}") }},
	{"content length", func(_ *Echo, _ []byte, text string) string {
		return "HTTP/1.1 200 OK\r\nContent-Length: " + text + "\r\n\r\n"
	}},
	{"two content lengths", func(_ *Echo, _ []byte, text string) string {
		return "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: " + text + "\r\n\r\n"
	}},
	{"transfer encoding", func(_ *Echo, _ []byte, text string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + text + "\r\n\r\n"
	}},
	{"chunk size", func(_ *Echo, _ []byte, text string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + text + "\r\n"
	}},
	{"chunk extension and trailer", func(_ *Echo, _ []byte, text string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n1;" + text + "\r\n{\r\n0\r\n" + text + "\r\n\r\n"
	}},
	{"early hints and a redirect", func(_ *Echo, _ []byte, text string) string {
		return "HTTP/1.1 103 Early Hints\r\nLink: " + text + "\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /" + url.PathEscape(text) + "\r\nContent-Length: 0\r\n\r\n"
	}},
	{"behind a reply", func(s *Echo, r []byte, _ string) string {
		return s.weChat(`{"errcode":40097,"errmsg":"[redacted]"}`) + string(r)
	}},
	{"like a TLS handshake", func(_ *Echo, r []byte, _ string) string { return "\x16\x03\x01\x02\x00" + string(r) }},
	{"HTML", func(_ *Echo, _ []byte, text string) string {
		return ok("text/html", "<html>"+html.EscapeString(text)+"</html>")
	}},
	{"no JSON", func(s *Echo, _ []byte, text string) string { return s.weChat(text) }},
	{"errcode", func(s *Echo, _ []byte, text string) string {
		quoted, _ := jsontext.AppendQuote(nil, text)
		return s.weChat(`{"errcode":` + string(quoted) + `}`)
	}},
	{"names that are duplicated", func(s *Echo, _ []byte, text string) string {
		quoted, _ := jsontext.AppendQuote(nil, text)
		return s.weChat(`{` + string(quoted) + `:1,` + string(quoted) + `:2}`)
	}},
	{"an error of the gateway", func(_ *Echo, _ []byte, text string) string {
		quoted, _ := jsontext.AppendQuote(nil, text)
		return ok(cloudcall.ErrorType, fmt.Sprintf(`{"code":%s,"message":%s,"requestId":%s}`, quoted, quoted, quoted))
	}},
	{"content type of the gateway", func(_ *Echo, _ []byte, text string) string {
		return ok("application/octet-stream", string(cloudcall.Response{Data: []byte("{}"), ContentType: text}.Marshal()))
	}},
	{"errmsg", inErrMsg(func(_ []byte, text string) string { return text })},
	{"errmsg, with its ends of lines", inErrMsg(func(r []byte, _ string) string { return strings.ToValidUTF8(string(r), "?") })},
	{"errmsg, cut within the token", inErrMsg(func(_ []byte, text string) string { return around(text, "access_token=", 0, 14) })},
	{"errmsg, cut within the signature", inErrMsg(func(_ []byte, text string) string { return around(text, `json_signature`, 0, 40) })},
	{"errmsg, in base64", inErrMsg(func(r []byte, _ string) string { return base64.StdEncoding.EncodeToString(r) })},
	{"errmsg, in base64 of an address", inErrMsg(func(r []byte, _ string) string { return "x" + base64.RawURLEncoding.EncodeToString(r[1:]) })},
	{"errmsg, in hex", inErrMsg(func(r []byte, _ string) string { return hex.EncodeToString(r) })},
	{"errmsg, URL-escaped", inErrMsg(func(_ []byte, text string) string { return url.QueryEscape(text) })},
	{"errmsg, URL-escaped twice", inErrMsg(func(_ []byte, text string) string { return url.QueryEscape(url.QueryEscape(text)) })},
	{"errmsg, as a Go string", inErrMsg(func(r []byte, _ string) string { return fmt.Sprintf("%q", r) })},
	{"errmsg, in upper case", inErrMsg(func(_ []byte, text string) string { return strings.ToUpper(text) })},
	{"errmsg, as JSON", inErrMsg(func(_ []byte, text string) string {
		quoted, _ := json.Marshal(text)
		return strings.ReplaceAll(string(quoted), "/", `\/`)
	})},
	// The last one: a token endpoint's refusal is cached.
	{"errmsg, of a refused token", func(s *Echo, _ []byte, text string) string {
		quoted, _ := jsontext.AppendQuote(nil, text)
		return s.weChat(`{"errcode":40001,"errmsg":` + string(quoted) + `}`)
	}},
}
