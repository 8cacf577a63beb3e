package soter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the strict reading refuses and WeChat may well find genuine.
func TestParseClaimsNeedsRawOnly(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Claims
		odd  string // why nobody has counted
	}{
		"complete":             {twinResult, Claims{Raw: "c", CPUID: "c1", Counter: 7}, ""},
		"no uid":               {`{"raw":"c","counter":7,"cpu_id":"c1"}`, Claims{Raw: "c", CPUID: "c1", Counter: 7}, ""},
		"odd uid":              {`{"raw":"c","counter":7,"cpu_id":"c1","uid":-1}`, Claims{Raw: "c", CPUID: "c1", Counter: 7}, ""},
		"another salt":         {`{"raw":"c","counter":7,"cpu_id":"c1","rsa_pss_saltlen":64}`, Claims{Raw: "c", CPUID: "c1", Counter: 7}, ""},
		"fid a number":         {`{"raw":"c","counter":7,"cpu_id":"c1","fid":9}`, Claims{Raw: "c", CPUID: "c1", Counter: 7}, ""},
		"UID beside uid":       {`{"raw":"c","counter":7,"cpu_id":"c1","uid":"1","UID":"2"}`, Claims{Raw: "c", CPUID: "c1", Counter: 7}, ""},
		"nested":               {`{"raw":"c","counter":7,"cpu_id":"c1","x":{"raw":"d","RAW":[1]},"y":[[]]}`, Claims{Raw: "c", CPUID: "c1", Counter: 7}, ""},
		"raw NUL in fid":       {"{\"raw\":\"c\",\"fid\":\"ab\x00\",\"counter\":7,\"cpu_id\":\"c1\"}", Claims{Raw: "c", CPUID: "c1", Counter: 7}, ""},
		"raw NUL, nested":      {"{\"raw\":\"c\",\"x\":[\"\x00\"],\"counter\":7,\"cpu_id\":\"c1\"}", Claims{Raw: "c", CPUID: "c1", Counter: 7}, ""},
		"nothing but raw":      {`{"raw":"c"}`, Claims{Raw: "c"}, "cpu_id is missing"},
		"no counter":           {`{"raw":"c","cpu_id":"c1"}`, Claims{Raw: "c"}, "counter is missing"},
		"no cpu_id":            {`{"raw":"c","counter":7}`, Claims{Raw: "c"}, "cpu_id is missing"},
		"cpu_id of zeros":      {`{"raw":"c","counter":7,"cpu_id":"0000-00"}`, Claims{Raw: "c"}, "all zeros"},
		"cpu_id a number":      {`{"raw":"c","counter":7,"cpu_id":1}`, Claims{Raw: "c"}, `"cpu_id" is not a string`},
		"cpu_id nested":        {`{"cpu_id":{"a":1},"raw":"c","counter":7}`, Claims{Raw: "c"}, `"cpu_id" is nested`},
		"counter 0":            {`{"raw":"c","counter":0,"cpu_id":"c1"}`, Claims{Raw: "c"}, `"counter" is 0`},
		"counter a fraction":   {`{"raw":"c","counter":7.5,"cpu_id":"c1"}`, Claims{Raw: "c"}, `"counter" is not a plain whole number`},
		"counter null":         {`{"raw":"c","counter":null,"cpu_id":"c1"}`, Claims{Raw: "c"}, `"counter" is neither`},
		"counter nested":       {`{"raw":"c","counter":[7],"cpu_id":"c1"}`, Claims{Raw: "c"}, `"counter" is nested`},
		"Counter":              {`{"raw":"c","Counter":7,"cpu_id":"c1"}`, Claims{Raw: "c"}, `"Counter" differs from counter by case alone`},
		"Counter too":          {`{"raw":"c","counter":7,"Counter":8,"cpu_id":"c1"}`, Claims{Raw: "c"}, `"Counter" differs from counter by case alone`},
		"CPU_ID nested":        {`{"raw":"c","counter":7,"CPU_ID":{},"cpu_id":"c1"}`, Claims{Raw: "c"}, `"CPU_ID" differs from cpu_id by case alone`},
		"longer than a result": {`{"raw":"c","counter":7,"cpu_id":"c1","certs":"` + strings.Repeat("x", maxResult) + `"}`, Claims{Raw: "c", CPUID: "c1", Counter: 7}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseClaims(c.text)
			require.NoError(t, err)
			if c.odd == "" {
				require.NoError(t, got.Uncounted)
			} else {
				require.ErrorContains(t, got.Uncounted, c.odd)
			}
			got.Uncounted = nil
			require.Equal(t, c.want, got)
		})
	}
}

func TestParseClaimsRefusesWhatCanBeReadInTwoWays(t *testing.T) {
	_, err := ParseClaims(twinResult)
	require.NoError(t, err, "the twin")
	for name, c := range map[string]struct{ old, new, reason string }{
		"raw missing":            {`"raw":"c",`, ``, "raw is missing"},
		"raw empty":              {`"raw":"c"`, `"raw":""`, "raw is missing"},
		"raw a number":           {`"raw":"c"`, `"raw":1`, `"raw" is not a string`},
		"raw null":               {`"raw":"c"`, `"raw":null`, `"raw" is not a string`},
		"raw nested":             {`"raw":"c"`, `"raw":["c"]`, `"raw" is nested`},
		"raw in capitals":        {`"raw"`, `"RAW"`, `"RAW" differs from raw by case alone`},
		"RAW beside raw":         {`"fid":"9"`, `"Raw":"d"`, `"Raw" differs from raw by case alone`},
		"RAW nested":             {`"fid":"9"`, `"Raw":{}`, `"Raw" differs from raw by case alone`},
		"raw duplicated":         {`"fid":"9"`, `"raw":"c"`, "duplicate object member name"},
		"duplicate by an escape": {`"fid":"9"`, `"r\u0061w":"d"`, "duplicate object member name"},
		"counter duplicated":     {`"fid":"9"`, `"counter":7`, "duplicate object member name"},
		"duplicate, nested":      {`"fid":"9"`, `"x":{"y":1,"y":1}`, "duplicate object member name"},
		"raw, ended by a NUL":    {`"fid":"9"`, "\"raw\x00\":\"d\"", "has a control character in its name"},
		"nested, ended by a NUL": {`"fid":"9"`, "\"raw\x00\":[]", "has a control character in its name"},
		"NUL after a backslash":  {`"9"`, "\"\\\x00\"", "invalid escape sequence"},
		"NUL outside a string":   {`"9"`, "\x00\"9\"", "invalid character"},
		"quote behind a NUL":     {`"9"`, "\"\x00\"\"", "invalid character"},
		"invalid UTF-8":          {`"9"`, "\"\xff\"", "invalid UTF-8"},
		"half a surrogate pair":  {`"9"`, `"\ud800"`, "surrogate"},
		"leading zero":           {`"9"`, `09`, "invalid character"},
		"truncated":              {`"9"}`, `"9"`, "EOF"},
		"trailing data":          {`"9"}`, `"9"}{}`, "after top-level value"},
		"trailing NUL":           {`"9"}`, "\"9\"}\x00", "after top-level value"},
		"an array":               {`{"raw"`, `[{"raw"`, "want a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(twinResult, c.old), "the case breaks one thing")
			got, err := ParseClaims(strings.Replace(twinResult, c.old, c.new, 1))
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, c.reason)
			require.Zero(t, got)
		})
	}
}
