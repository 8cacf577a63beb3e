// Package rule holds what vendors forbid, as the stand-ins for their platforms enforce it.
// A stand-in refuses nothing without a [Rule], and there is no Rule without a source.
// Otherwise the tests would compare our functions with our own opinion.
//
// Package ruletest demands a case for every Rule of a [Book].
package rule

import (
	"regexp"
	"strings"
	"sync/atomic"
)

// Rule is one thing that a vendor forbids. Book.Documented and Book.Own make it.
type Rule struct {
	// Name says what is refused.
	Name string
	// Says is the vendor's sentence in our words; empty for a limit of the stand-in.
	Says string
	// Source is the address of the page or the file that has the sentence.
	Source string
	// Reason is why the stand-in refuses what no document forbids; else empty.
	Reason string

	refused atomic.Int64
}

// Book lists the rules of one stand-in.
type Book struct{ rules []*Rule }

// address matches a page of a vendor, or a file of one in a public repository or package.
var address = regexp.MustCompile(`^(docs\.aws\.amazon\.com|(www\.)?(cloud\.tencent|tencentcloud)\.com|docs\.cloudbase\.net|` +
	`developers\.weixin\.qq\.com|github\.com|npm:[@a-z])[^ ]*$`)

// Documented adds a rule of a vendor's document. says is its sentence in our words, source
// the address of the document, without https://. It panics without them.
func (b *Book) Documented(name, says, source string) *Rule {
	if name == "" || len(strings.Fields(says)) < 3 || !address.MatchString(source) {
		panic("rule " + name + ": no sentence, or no address of a vendor's document: " + source)
	}
	return b.add(&Rule{Name: name, Says: says, Source: source})
}

// Own adds a limit of the stand-in that no document has. reason says why it is there.
// It panics without a reason.
func (b *Book) Own(name, reason string) *Rule {
	if name == "" || len(strings.Fields(reason)) < 3 {
		panic("rule " + name + ": a limit of our own without a reason")
	}
	return b.add(&Rule{Name: name, Reason: reason})
}

func (b *Book) add(r *Rule) *Rule {
	for _, other := range b.rules {
		if other.Name == r.Name {
			panic("rule " + r.Name + ": the name is taken")
		}
	}
	b.rules = append(b.rules, r)
	return r
}

// Rules returns the rules in the order of their declaration.
func (b *Book) Rules() []*Rule { return b.rules }

// Refuse records a refusal by r. Every refusal of a stand-in calls it. It panics if r is
// nil.
func (r *Rule) Refuse() {
	if r == nil {
		panic("rule: a refusal without a rule")
	}
	r.refused.Add(1)
}

// Refused returns the number of refusals by r.
func (r *Rule) Refused() int { return int(r.refused.Load()) }
