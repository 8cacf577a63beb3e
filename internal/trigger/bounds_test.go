package trigger_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/openapi"
	"sotercall/internal/trigger"
)

const shell = `{"httpMethod":"POST","path":"/","headers":{%s},"queryString":{%s},"isBase64Encoded":%t,"body":"%s"}`

// named are n members.
func named(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"n%d":"v",`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func TestAnEventOfManyMembersIsNotTakenApart(t *testing.T) {
	e := trigger.Read(fmt.Appendf(nil, shell, named(1000), "", false, ""))
	require.NoError(t, e.Err, "the twin")
	require.Len(t, e.Request.Header, 1000)
	for _, event := range []string{
		fmt.Sprintf(shell, named(1030), "", false, ""),
		fmt.Sprintf(shell, named(520), named(520), false, ""),
		"{" + named(1030) + "}",
		`{"a":` + strings.Repeat("[", 1030),
		`{"cookies":[` + strings.Repeat("0,", 1030) + `0]}`,
	} {
		e := trigger.Read([]byte(event))
		assert.Equal(t, trigger.Unknown, e.Source)
		assert.ErrorContains(t, e.Err, "more than 1024 members")
	}
}

func TestALongMemberIsNotKept(t *testing.T) {
	long := strings.Repeat("v", 256<<10)
	e := trigger.Read(fmt.Appendf(nil, shell, `"h":"`+long[:len(long)-100]+`"`, "", false, ""))
	require.NoError(t, e.Err, "the twin")
	require.Len(t, e.Request.Header.Get("h"), len(long)-100)
	e = trigger.Read(fmt.Appendf(nil, shell, `"h":"`+long+`"`, "", false, ""))
	assert.Equal(t, trigger.Unknown, e.Source)
	assert.ErrorContains(t, e.Err, "the member headers of the event is larger")
	e = trigger.Read([]byte(`{"openid":"` + long + `"}`))
	assert.Equal(t, trigger.Direct, e.Source, "what is not kept may be long")
}

func TestALongQueryIsRefused(t *testing.T) {
	value := strings.Repeat("v", 32<<10)
	e := trigger.Read(fmt.Appendf(nil, shell, "", `"q":"`+value[2:]+`"`, false, ""))
	require.NoError(t, e.Err, "the twin")
	e = trigger.Read(fmt.Appendf(nil, shell, "", `"q":"`+value+`"`, false, ""))
	assert.ErrorContains(t, e.Err, "the query is longer than 32 KiB")
	assert.Nil(t, e.Request)
}

// The longest body that a call reads arrives whole, however it is written. What is longer
// says so when it is read.
func TestBodiesUpToTheLimitArriveWhole(t *testing.T) {
	body := bytes.Repeat([]byte{'a', 0x7f, '"', 1}, openapi.MaxBody/4)
	var escaped strings.Builder
	for _, c := range body {
		fmt.Fprintf(&escaped, `\u%04x`, c)
	}
	inBase64 := base64.StdEncoding.EncodeToString(body)
	var twice strings.Builder // base64, and each character of it escaped
	for _, c := range []byte(inBase64) {
		fmt.Fprintf(&twice, `\u%04x`, c)
	}
	for encoding, event := range map[string][]byte{
		"escapes":          fmt.Appendf(nil, shell, "", "", false, escaped.String()),
		"base64":           fmt.Appendf(nil, shell, "", "", true, inBase64),
		"base64 in escape": fmt.Appendf(nil, shell, "", "", true, twice.String()),
	} {
		e := trigger.Read(event)
		require.NoError(t, e.Err, encoding)
		got, err := io.ReadAll(e.Request.Body)
		require.NoError(t, err, encoding)
		assert.Equal(t, body, got, encoding)
	}
	e := trigger.Read(fmt.Appendf(nil, shell, "", "", false, strings.Repeat("b", 1<<20)))
	require.NoError(t, e.Err)
	_, err := io.ReadAll(e.Request.Body)
	_, isTooLong := errors.AsType[*http.MaxBytesError](err)
	assert.True(t, isTooLong)
}

// Each event of 64 KB takes less than 2 ms at a core of its own: see ns/op.
func BenchmarkCostlyEvents(b *testing.B) {
	value := strings.Repeat("v", 60<<10)
	for name, event := range map[string][]byte{
		"headers":          fmt.Appendf(nil, shell, named(1000), "", false, ""),
		"query":            fmt.Appendf(nil, shell, "", named(1000), false, ""),
		"context":          []byte(`{"httpMethod":"POST","path":"/","headers":{},"requestContext":{` + named(1000) + `}}`),
		"one header":       fmt.Appendf(nil, shell, `"h":"`+value+`"`, "", false, ""),
		"body":             fmt.Appendf(nil, shell, "", "", false, value),
		"body of escapes":  fmt.Appendf(nil, shell, "", "", false, strings.Repeat(`\u0061`, 10<<10)),
		"body of base64":   fmt.Appendf(nil, shell, "", "", true, strings.Repeat("AAAA", 15<<10)),
		"direct":           []byte("{" + named(1000) + "}"),
		"too many members": []byte("{" + named(6000) + "}"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				trigger.Read(event)
			}
		})
	}
}
