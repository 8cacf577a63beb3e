package recorded

import (
	"fmt"
	"regexp"
	"strings"
)

// placeholders stand in a recording for what is different each time. Tokens and challenges
// are numbered, so that a recording shows which is which.
type placeholders struct {
	known map[string]string // by the value
	used  map[string]int    // by the name
}

func newPlaceholders() placeholders { return placeholders{map[string]string{}, map[string]int{}} }

// numbered are the values that get a number each.
var numbered = []struct {
	name    string
	pattern *regexp.Regexp
}{
	{"TOKEN", regexp.MustCompile(`sandbox_[A-Za-z0-9_-]{128}`)},
	{"CHALLENGE", regexp.MustCompile(`[A-Za-z0-9_-]{164}|[A-Za-z0-9_-]{140}|[A-Za-z0-9_-]{120}|[A-Za-z0-9_-]{96}`)},
}

// alike are the values of which each is as good as another. How often WeChat was asked is
// one of them: an attempt that is silent for a second begins another, on a busy machine too.
var alike = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}`), "rid: RID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`(_ms":)[0-9.e-]+`), "${1}MS"},
	{regexp.MustCompile(`("upstream_attempts":)\d+`), "${1}N"},
	{regexp.MustCompile(`("Timestamp":)\d+`), "${1}MS"},
	{regexp.MustCompile(`(expires_?[iI]n\\?":)7(1\d\d|200)\b`), "${1}7200"}, // a token's, which began to live a moment ago
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`\b[A-Z2-7]{26}\b`), "NONCE"},
	{regexp.MustCompile(`(\d{40})[A-Z2-7]{26}`), "${1}NONCE"}, // of a counter
	{regexp.MustCompile(`("device":")[\w-]+`), "${1}DEVICE"},
	{regexp.MustCompile(`\b1\d{12}\b`), "MILLISECONDS"},
	{regexp.MustCompile(`\b1\d{9}\b`), "SECONDS"},
	{regexp.MustCompile(`("version":"|\bversion: )[0-9][\w.+-]*`), "${1}VERSION"},
	{regexp.MustCompile(`(Content-Length: )\d+(\n\tContent-Type: text/plain)`), "${1}N${2}"}, // of /healthz: the version is in it
	{regexp.MustCompile(`(sotercall:(challenge|failures|counter):)[A-Za-z0-9_-]+`), "${1}ID"},
}

// replace puts placeholders into a text.
func (p placeholders) replace(text string) string {
	for _, n := range numbered {
		text = n.pattern.ReplaceAllStringFunc(text, func(value string) string {
			if p.known[value] == "" {
				p.used[n.name]++
				p.known[value] = fmt.Sprintf("%s-%d", n.name, p.used[n.name])
			}
			return p.known[value]
		})
	}
	for _, a := range alike {
		text = a.pattern.ReplaceAllString(text, a.instead)
	}
	return text
}

// counts are the fields of a log line, and of its metrics, that are there if a token was
// fetched or WeChat asked.
var counts = regexp.MustCompile(`,"(token_ms|token_fetches|upstream_ms|upstream_attempts)":[0-9.e-]+|\{"Name":"(token_ms|upstream_ms|upstream_attempts)","Unit":"\w+"\},?`)

// withoutCounts removes them.
func withoutCounts(line string) string {
	return strings.ReplaceAll(counts.ReplaceAllString(line, ""), ",]", "]")
}
