package openapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/openapi"
)

// costly are bodies of 64 KB that made a parser do much for each byte.
func costly() map[string]string {
	fill := func(head, part, tail string) string {
		return head + strings.Repeat(part, (openapi.MaxBody-len(head)-len(tail))/len(part)) + tail
	}
	members := func(head, format, tail string) string {
		var b strings.Builder
		b.WriteString(head)
		for n := 0; b.Len() < openapi.MaxBody-64; n++ {
			fmt.Fprintf(&b, format, n)
		}
		return strings.TrimSuffix(b.String(), ",") + tail
	}
	text := func(jsonString string) string {
		return `{"openid":"o","jsonString":` + jsonString + `,"jsonSignature":"AA=="}`
	}
	return map[string]string{
		"a form":                     fill("", "a=&", ""),
		"a form of our names":        fill("x", "signatur=&", ""),
		"a form of long names":       fill("", "result_json_signaturf=&", ""),
		"a multipart form":           fill("--", "a\r\n", ""),
		"blanks":                     fill("", " ", ""),
		"members without meaning":    members("{", `"%d":0,`, "}"),
		"members that mean nothing":  members("{", `"result_json_sig%04d":0,`, "}"),
		"members of escapes":         members("{", `"\u0061%d":"\u0061",`, "}"),
		"nested arrays":              fill("", "[", ""),
		"nested objects":             fill("", `{"a":`, ""),
		"a long array":               fill(`{"a":[`, "0,", "0]}"),
		"a long name":                fill(`{"`, "a", `":0}`),
		"a long name of escapes":     fill(`{"`, `\u0061`, `":0}`),
		"no UTF-8, at the end":       fill(`{"`, "a", "\xff\":0}"),
		"a text of escapes":          text(fill(`"{`, `\u0061`, `"`)[:openapi.MaxJSONString] + `"`),
		"a text of blanks":           text(`"{` + strings.Repeat(" ", openapi.MaxJSONString-2) + `}"`),
		"a text of members":          text(`"{` + strings.Repeat(`\"raw\":1,`, 800) + `\"raw\":1}"`),
		"a text of unknown members":  text(`"{` + strings.Repeat(`\"a\":1,`, 1000) + `\"a\":1}"`),
		"a text of backslashes":      text(`"{\"` + strings.Repeat(`\\`, 4000) + `}"`),
		"a text of half escapes":     text(`"{\"` + strings.Repeat(`\\u`, 2000) + `}"`),
		"a text without an end":      text(`"{\"raw\":` + strings.Repeat("1", 8000) + `}"`),
		"a text of colons":           text(`"{\"raw\":1,` + strings.Repeat(`:`, 8000) + `}"`),
		"a signature that is no":     `{"openid":"o","jsonString":"{}","jsonSignature":"` + strings.Repeat("=", openapi.MaxJSONSignature) + `"}`,
		"an openid of 60 KB":         `{"openid":"` + strings.Repeat("o", 60000) + `"}`,
		"a text of 60 KB of nothing": `{"jsonString":"` + strings.Repeat("{", 60000) + `"}`,
	}
}

// wrongAlways finds every signature wrong, so that hints are looked for.
type wrongAlways struct{}

func (wrongAlways) Verify(context.Context, openapi.Request) (openapi.Verdict, error) {
	return openapi.Wrong(""), nil
}

// ask asks both forms of the call, as a backend.
func ask(ctx context.Context, calls []openapi.Call, body string) {
	for _, call := range calls {
		call.Body(call.Serve(openapi.NewEvent(ctx, []byte(body))))
	}
}

func backendCalls() (context.Context, []openapi.Call) {
	h := &openapi.VerifySignature{Verifier: wrongAlways{}}
	return openapi.WithCaller(context.Background(), openapi.Backend()), h.Calls(nil, nil)
}

// What a body costs is bounded, however many members or fields fill its 64 KB: those of
// 1,024 at most are read, and for each of them little is allocated.
func TestAllocationsAreBounded(t *testing.T) {
	ctx, calls := backendCalls()
	for name, body := range costly() {
		allocations := testing.AllocsPerRun(1, func() { ask(ctx, calls, body) })
		assert.Less(t, allocations, 400.0, name) // of both forms
	}
}

// Each body takes less than 2 ms at a core of its own: see ns/op.
func BenchmarkCostlyBodies(b *testing.B) {
	ctx, calls := backendCalls()
	for name, body := range costly() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask(ctx, calls[:1], body)
			}
		})
	}
}

// unread fails the test when it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, http.ErrBodyReadAfterClose
}

// Nobody's body is read before it is known who calls.
func TestUnknownCallersBodyIsNotRead(t *testing.T) {
	_, calls := backendCalls()
	for _, call := range calls {
		for name, caller := range map[string]openapi.Caller{"zero": {}, "unknown": openapi.Unknown("why"), "nameless": openapi.Nameless("why")} {
			r := httptest.NewRequest(http.MethodPost, "/", unread{t})
			result := call.Serve(r.WithContext(openapi.WithCaller(t.Context(), caller)))
			assert.Equal(t, openapi.CodeIllegalSource, result.Err.Code, name)
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
		result := call.Serve(r.WithContext(openapi.WithCaller(t.Context(), openapi.User("o"))))
		assert.Equal(t, openapi.CodeInvalidParam, result.Err.Code, "the twin")
	}
}
