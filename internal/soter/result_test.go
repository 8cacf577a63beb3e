package soter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// twinResult is a good resultJSON; the negative cases replace one thing in it.
const twinResult = `{"raw":"c","counter":7,"cpu_id":"c1","uid":"u1","rsa_pss_saltlen":32,"fid":"9"}`

func TestParseResultReadsWhatDevicesSend(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Result
	}{
		"Android": {
			`{"raw":"I'm a demo","fid":"2313170","counter":246,"tee_n":"t-base","tee_v":"10010","fp_n":"FPC","fp_v":"6516","cpu_id":"0900","uid":"10115"}`,
			Result{Raw: "I'm a demo", Counter: 246, CPUID: "0900", UID: "10115", FID: "2313170", TEEName: "t-base", TEEVersion: "10010", FPName: "FPC", FPVersion: "6516", Salt: Salt20},
		},
		"Huawei": {
			`{"bo_t":"1","raw":"cd99","counter":59,"rsa_pss_saltlen":32,"cpu_id":"HUAWEI_1-2","uid":"10316","fc_n":"hwbioalgo","fc_v":"bioalgo_1.0"}`,
			Result{Raw: "cd99", Counter: 59, CPUID: "HUAWEI_1-2", UID: "10316", Salt: Salt32},
		},
		"older iOS, counter in quotes": {
			`{"raw":"c","counter":"12","uid":"9f86d081884c7d659a2feaa0c55ad015","cpu_id":"E621E1F8-C36C-495A-93FC-0C247A3E6E5F"}`,
			Result{Raw: "c", Counter: 12, CPUID: "E621E1F8-C36C-495A-93FC-0C247A3E6E5F", UID: "9f86d081884c7d659a2feaa0c55ad015", Salt: Salt20},
		},
		"uid as a number": {
			`{"raw":"c","counter":1,"cpu_id":"c1","uid":18446744073709551615}`,
			Result{Raw: "c", Counter: 1, CPUID: "c1", UID: "18446744073709551615", Salt: Salt20},
		},
		"largest counter, beyond what a float64 holds": {
			`{"raw":"c","counter":18446744073709551615,"cpu_id":"c1","uid":"u1"}`,
			Result{Raw: "c", Counter: 1<<64 - 1, CPUID: "c1", UID: "u1", Salt: Salt20},
		},
		"2^53+1": {
			`{"raw":"c","counter":9007199254740993,"cpu_id":"c1","uid":"u1","rsa_pss_saltlen":20}`,
			Result{Raw: "c", Counter: 9007199254740993, CPUID: "c1", UID: "u1", Salt: Salt20},
		},
		"fid that ends in NUL, escaped slash": {
			`{"raw":"a\/b\u4e2d\ud83d\ude00","counter":7,"cpu_id":"c1","uid":"u1","fid":"ab\u0000"}`,
			Result{Raw: "a/b中😀", Counter: 7, CPUID: "c1", UID: "u1", FID: "ab\x00", Salt: Salt20},
		},
		"unknown members of every flat kind": {
			` {"a":null,"b":true,"c":1e9,"d":"x","raw":"c","counter":7,"cpu_id":"c1","uid":"u1","raws":"other","count":99} `,
			Result{Raw: "c", Counter: 7, CPUID: "c1", UID: "u1", Salt: Salt20},
		},
		"raw NUL at the end of fid, the slash written as it is": {
			"{\"raw\":\"a/b\",\"counter\":7,\"cpu_id\":\"c1\",\"uid\":\"u1\",\"fid\":\"ab\x00\"}",
			Result{Raw: "a/b", Counter: 7, CPUID: "c1", UID: "u1", FID: "ab\x00", Salt: Salt20},
		},
		"control characters and escapes beside each other": {
			"{\n\t\"raw\":\"\\\\\x00\\\"\x1f\\n\n\x7f\",\r\n\"counter\":7,\"cpu_id\":\"c\t1\",\"uid\":\"u1\"}",
			Result{Raw: "\\\x00\"\x1f\n\n\x7f", Counter: 7, CPUID: "c\t1", UID: "u1", Salt: Salt20},
		},
		"escaped name": {
			`{"r\u0061w":"c","counter":7,"cpu_id":"c1","uid":"u1"}`,
			Result{Raw: "c", Counter: 7, CPUID: "c1", UID: "u1", Salt: Salt20},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseResult(c.text)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestParseResultRefuses(t *testing.T) {
	_, err := ParseResult(twinResult)
	require.NoError(t, err, "the twin")
	for name, c := range map[string]struct{ old, new, reason string }{
		"raw missing":               {`"raw":"c",`, ``, "raw is missing"},
		"raw empty":                 {`"raw":"c"`, `"raw":""`, "raw is missing"},
		"raw in capitals":           {`"raw"`, `"RAW"`, `"RAW" differs from raw by case alone`},
		"raw a number":              {`"raw":"c"`, `"raw":1`, `"raw" is not a string`},
		"raw null":                  {`"raw":"c"`, `"raw":null`, `"raw" is not a string`},
		"raw an object":             {`"raw":"c"`, `"raw":{}`, `"raw" is nested`},
		"raw an array":              {`"raw":"c"`, `"raw":["c"]`, `"raw" is nested`},
		"counter missing":           {`"counter":7,`, ``, "counter is missing"},
		"counter misspelt":          {`"counter"`, `"Counter"`, `"Counter" differs from counter by case alone`},
		"counter 0":                 {`:7`, `:0`, `"counter" is 0`},
		"counter \"0\"":             {`:7`, `:"0"`, `"counter" is 0`},
		"counter empty":             {`:7`, `:""`, `"counter" is not a plain whole number`},
		"counter negative":          {`:7`, `:-7`, `"counter" is not a plain whole number`},
		"counter -0":                {`:7`, `:-0`, `"counter" is not a plain whole number`},
		"counter a fraction":        {`:7`, `:7.0`, `"counter" is not a plain whole number`},
		"counter with exponent":     {`:7`, `:7e0`, `"counter" is not a plain whole number`},
		"counter with plus":         {`:7`, `:"+7"`, `"counter" is not a plain whole number`},
		"counter with underscore":   {`:7`, `:"1_0"`, `"counter" is not a plain whole number`},
		"counter in hex":            {`:7`, `:"0x7"`, `"counter" is not a plain whole number`},
		"counter, leading zero":     {`:7`, `:"07"`, `"counter" is not a plain whole number`},
		"counter, leading blank":    {`:7`, `:" 7"`, `"counter" is not a plain whole number`},
		"counter, Arabic digit":     {`:7`, `:"٧"`, `"counter" is not a plain whole number`},
		"counter 2^64":              {`:7`, `:18446744073709551616`, `"counter" is not a plain whole number`},
		"counter null":              {`:7`, `:null`, `"counter" is neither a number nor a string`},
		"counter true":              {`:7`, `:true`, `"counter" is neither a number nor a string`},
		"cpu_id missing":            {`"cpu_id":"c1",`, ``, "cpu_id is missing"},
		"cpu_id empty":              {`"c1"`, `""`, "cpu_id is missing"},
		"cpu_id all zeros":          {`"c1"`, `"00000000-0000"`, "all zeros"},
		"cpu_id a number":           {`"c1"`, `1`, `"cpu_id" is not a string`},
		"uid missing":               {`"uid":"u1",`, ``, "uid is missing"},
		"uid empty":                 {`"u1"`, `""`, "uid is missing"},
		"uid negative":              {`"u1"`, `-1`, `"uid" is not a plain whole number`},
		"uid a fraction":            {`"u1"`, `1.5`, `"uid" is not a plain whole number`},
		"uid false":                 {`"u1"`, `false`, `"uid" is neither`},
		"salt 0, which means any":   {`:32`, `:0`, `"rsa_pss_saltlen" is neither 20 nor 32`},
		"salt -1":                   {`:32`, `:-1`, `"rsa_pss_saltlen" is neither 20 nor 32`},
		"salt 31":                   {`:32`, `:31`, `"rsa_pss_saltlen" is neither 20 nor 32`},
		"salt 32.0":                 {`:32`, `:32.0`, `"rsa_pss_saltlen" is neither 20 nor 32`},
		"salt in quotes":            {`:32`, `:"32"`, `"rsa_pss_saltlen" is neither 20 nor 32`},
		"salt null":                 {`:32`, `:null`, `"rsa_pss_saltlen" is neither 20 nor 32`},
		"fid a number":              {`"9"`, `9`, `"fid" is not a string`},
		"unknown object":            {`"fid":"9"`, `"x":{"raw":"d"}`, `"x" is nested`},
		"unknown array":             {`"fid":"9"`, `"x":[]`, `"x" is nested`},
		"duplicate":                 {`"fid":"9"`, `"raw":"c"`, "duplicate object member name"},
		"duplicate of an unknown":   {`"fid":"9"`, `"x":1,"x":1`, "duplicate object member name"},
		"duplicate by an escape":    {`"fid":"9"`, `"r\u0061w":"d"`, "duplicate object member name"},
		"invalid UTF-8":             {`"9"`, "\"\xff\"", "invalid UTF-8"},
		"lone surrogate":            {`"9"`, `"\ud800"`, "surrogate"},
		"RAW beside raw":            {`"fid"`, `"RAW"`, `"RAW" differs from raw by case alone`},
		"long s":                    {`"fid"`, `"rſa_pss_saltlen"`, "differs from rsa_pss_saltlen by case alone"},
		"NUL in a name":             {`"fid"`, "\"fid\x00\"", "has a control character in its name"},
		"escaped NUL in a name":     {`"fid"`, `"raw\u0000"`, "has a control character in its name"},
		"NUL after a backslash":     {`"9"`, "\"9\\\x00\"", "invalid escape sequence"},
		"line feed after backslash": {`"9"`, "\"9\\\n\"", "invalid escape sequence"},
		"NUL outside a string":      {`,"fid"`, ",\x00\"fid\"", "invalid character"},
		"NUL in the counter":        {`:7`, ":7\x00", "invalid character"},
		"NUL in a quoted counter":   {`:7`, ":\"7\x00\"", `"counter" is not a plain whole number`},
		"string not ended":          {`"9"}`, "\"9\x00", "EOF"},
		"trailing comma":            {`"9"}`, `"9",}`, "invalid character"},
		"trailing data":             {`"9"}`, `"9"} {}`, "after top-level value"},
		"trailing NUL":              {`"9"}`, "\"9\"}\x00", "after top-level value"},
		"truncated":                 {`"9"}`, `"9"`, "EOF"},
		"comment":                   {`{"raw"`, `{/**/"raw"`, "invalid character"},
		"byte order mark":           {`{"raw"`, "\ufeff" + `{"raw"`, "want a JSON object"},
		"name not in quotes":        {`"raw"`, `raw`, "invalid character"},
		"name a number":             {`"raw"`, `1`, "object member name must be a string"},
		"single quotes":             {`"9"`, `'9'`, "invalid character"},
		"too long":                  {`"9"`, `"` + strings.Repeat("9", 8<<10) + `"`, "at most 8192"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(twinResult, c.old), "the case breaks one thing")
			got, err := ParseResult(strings.Replace(twinResult, c.old, c.new, 1))
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, c.reason)
			require.NotContains(t, err.Error(), "Go ", "names of Go types tell a caller nothing")
			require.Zero(t, got)
		})
	}
	for _, text := range []string{"", " ", "null", "[]", `"x"`, "1", "true", "{}", "[" + twinResult + "]"} {
		got, err := ParseResult(text)
		require.ErrorIs(t, err, ErrMalformed, text)
		require.Zero(t, got)
	}
}

func TestParseResultTakesExactly8KiB(t *testing.T) {
	fill := strings.Repeat("9", maxResult-len(twinResult)+1)
	got, err := ParseResult(strings.Replace(twinResult, `"9"`, `"`+fill+`"`, 1))
	require.NoError(t, err)
	require.Equal(t, fill, got.FID)
}
