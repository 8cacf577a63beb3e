package rule_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/dev/rule"
)

func TestThereIsNoRuleWithoutASource(t *testing.T) {
	const says, source = "a payload has 6 MB at most", "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
	for name, declare := range map[string]func(b *rule.Book){
		"no sentence":      func(b *rule.Book) { b.Documented("a", "", source) },
		"one word":         func(b *rule.Book) { b.Documented("a", "forbidden", source) },
		"no source":        func(b *rule.Book) { b.Documented("a", says, "") },
		"not a vendor's":   func(b *rule.Book) { b.Documented("a", says, "example.com/limits") },
		"no address":       func(b *rule.Book) { b.Documented("a", says, "AWS says so") },
		"no reason":        func(b *rule.Book) { b.Own("a", "") },
		"no name":          func(b *rule.Book) { b.Documented("", says, source) },
		"a prefix alone":   func(b *rule.Book) { b.Documented("a", says, rule.Unconfirmed) },
		"a gap, no reason": func(b *rule.Book) { b.LetsPass("a", says, source, "so") },
		"a gap, no source": func(b *rule.Book) { b.LetsPass("a", says, "", "a fault plays it") },
		"the same gap":     func(b *rule.Book) { b.LetsPass("g", says, source, "a fault plays it") },
		"the same name":    func(b *rule.Book) { b.Documented("b", says, source) },
		"no rule declared": func(*rule.Book) { (*rule.Rule)(nil).Refuse() },
	} {
		b := new(rule.Book)
		b.Documented("b", says, source)
		b.LetsPass("g", says, source, "a fault plays it")
		assert.Panics(t, func() { declare(b) }, name)
	}
	b := new(rule.Book)
	r, own := b.Documented("a", says, source), b.Own("c", "streams are not played")
	assert.Equal(t, []*rule.Rule{r, own}, b.Rules(), "the twin")
	b.LetsPass("d", says, rule.Unconfirmed+source, "a fault plays it")
	assert.Equal(t, []rule.Gap{{Name: "d", Says: says, Source: source, IsUnconfirmed: true, Why: "a fault plays it"}}, b.Gaps())
	moved := b.Documented("e", says, rule.Unconfirmed+source)
	assert.Equal(t, []any{source, true, source, false}, []any{moved.Source, moved.IsUnconfirmed, r.Source, r.IsUnconfirmed})
	r.Refuse()
	assert.Equal(t, []int{1, 0}, []int{r.Refused(), own.Refused()})
}
