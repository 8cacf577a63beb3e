// Package rule holds what vendors forbid, as the stand-ins for their platforms enforce
// it. A stand-in refuses nothing without a [Rule], and there is no Rule without a
// source: else the tests would compare our functions with our own opinion.
//
// What a vendor forbids and a stand-in lets pass is a [Gap] of the Book.
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
	// IsUnconfirmed says that the page of Source could not be found: see [Unconfirmed].
	IsUnconfirmed bool
	// Reason is why the stand-in refuses what no document forbids; else empty.
	Reason string

	refused atomic.Int64
}

// Gap is one thing that a vendor forbids and the stand-in lets pass. Book.LetsPass makes it.
type Gap struct {
	// Name says what passes.
	Name string
	// Says is the vendor's sentence in our words.
	Says string
	// Source is as that of a [Rule], and so is IsUnconfirmed.
	Source        string
	IsUnconfirmed bool
	// Why is the reason, or what plays it instead, such as a fault.
	Why string
}

// Book lists the rules of one stand-in, and its gaps.
type Book struct {
	rules []*Rule
	gaps  []Gap
}

// Unconfirmed stands in front of a source whose page could not be found: it has moved, or is
// in no copy that can be searched. The sentence comes from an earlier reading, or from others
// who quote it. The rules with such a source are named in a test.
const Unconfirmed = "not confirmed: "

// address is a page of a vendor, or a file of one in a public repository or package.
var address = regexp.MustCompile(`^(docs\.aws\.amazon\.com|docs\.amazonaws\.cn|repost\.aws/knowledge-center|` +
	`(www\.)?(cloud\.tencent|tencentcloud)\.com|docs\.cloudbase\.net|` +
	`developers\.weixin\.qq\.com|github\.com|npm:[@a-z])[^ ]*$`)

// Documented adds a rule that a vendor's document has. says is its sentence in our
// words, source the address of the document, without https://, and behind [Unconfirmed]
// if need be. It panics without them.
func (b *Book) Documented(name, says, source string) *Rule {
	source, isUnconfirmed := checkSource(name, says, source)
	return b.add(&Rule{Name: name, Says: says, Source: source, IsUnconfirmed: isUnconfirmed})
}

func checkSource(name, says, source string) (page string, isUnconfirmed bool) {
	page, isUnconfirmed = strings.CutPrefix(source, Unconfirmed)
	if name == "" || len(strings.Fields(says)) < 3 || !address.MatchString(page) {
		panic("rule " + name + ": no sentence, or no address of a vendor's document: " + source)
	}
	return page, isUnconfirmed
}

// LetsPass adds what a vendor forbids and the stand-in does not refuse, and why. It
// panics without a sentence, an address or a reason.
func (b *Book) LetsPass(name, says, source, why string) {
	source, isUnconfirmed := checkSource(name, says, source)
	if len(strings.Fields(why)) < 3 {
		panic("gap " + name + ": no reason")
	}
	for _, other := range b.gaps {
		if other.Name == name {
			panic("gap " + name + ": the name is taken")
		}
	}
	b.gaps = append(b.gaps, Gap{Name: name, Says: says, Source: source, IsUnconfirmed: isUnconfirmed, Why: why})
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

// Gaps returns what the stand-in lets pass, in the order of its declaration.
func (b *Book) Gaps() []Gap { return b.gaps }

// Refuse records that the stand-in refuses something by r. Every refusal of a stand-in
// calls it. It panics if r is nil.
func (r *Rule) Refuse() {
	if r == nil {
		panic("rule: a refusal without a rule")
	}
	r.refused.Add(1)
}

// Refused returns how often the stand-in has refused something by r.
func (r *Rule) Refused() int { return int(r.refused.Load()) }
