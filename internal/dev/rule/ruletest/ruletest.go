// Package ruletest tests the rules of a stand-in.
package ruletest

import (
	"slices"
	"testing"

	"sotercall/internal/dev/rule"
)

// Case is a request that breaks one rule, and its twin that breaks none.
type Case struct{ Breaks, Keeps func(t *testing.T) }

// Run demands a case for each rule of the book. Breaks must be refused by this rule and
// by no other; Keeps must not be refused. Call it from a test without t.Parallel, so that
// no other test uses the stand-in meanwhile.
func Run(t *testing.T, book *rule.Book, cases map[*rule.Rule]Case) {
	t.Helper()
	for _, r := range book.Rules() {
		t.Run(r.Name, func(t *testing.T) {
			c, ok := cases[r]
			if !ok {
				t.Fatalf("no case breaks it: %s%s", r.Says, r.Reason)
			}
			if refused := refusedBy(t, book, c.Breaks); len(refused) != 1 || refused[0] != r.Name {
				t.Errorf("broken on purpose, but refused by %q; it says: %s%s (%s)", refused, r.Says, r.Reason, r.Source)
			}
			if refused := refusedBy(t, book, c.Keeps); len(refused) != 0 {
				t.Errorf("the twin is refused by %q", refused)
			}
		})
	}
}

// Unconfirmed demands that sources are those of the book that nobody could look at again,
// each once and in order. Whoever confirms one, or adds one, says so here.
func Unconfirmed(t *testing.T, book *rule.Book, sources ...string) {
	t.Helper()
	var found []string
	for _, r := range book.Rules() {
		if r.IsUnconfirmed {
			found = append(found, r.Source)
		}
	}
	for _, g := range book.Gaps() {
		if g.IsUnconfirmed {
			found = append(found, g.Source)
		}
	}
	slices.Sort(found)
	if found = slices.Compact(found); !slices.Equal(found, sources) {
		t.Errorf("not confirmed are %q, and the test names %q", found, sources)
	}
}

// refusedBy returns the names of the rules by which the stand-in refuses a request.
func refusedBy(t *testing.T, book *rule.Book, request func(t *testing.T)) []string {
	t.Helper()
	before := map[*rule.Rule]int{}
	for _, r := range book.Rules() {
		before[r] = r.Refused()
	}
	request(t)
	var names []string
	for _, r := range book.Rules() {
		if r.Refused() != before[r] {
			names = append(names, r.Name)
		}
	}
	return names
}
