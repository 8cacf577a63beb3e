package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/rule"
	"sotercall/internal/dev/sandbox"
)

// books are the rules of all stand-ins.
var books = []*rule.Book{sandbox.Rules(), emulator.Rules()}

// refusals lists what the stand-ins refuse because a vendor's document says so.
func refusals() string {
	var b strings.Builder
	b.WriteString("| refused | what the document says | document |\n|---|---|---|\n")
	for _, book := range books {
		for _, r := range book.Rules() {
			if r.Source != "" {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", r.Name, r.Says, link(r.Source, r.IsUnconfirmed))
			}
		}
	}
	return b.String()
}

// ownRefusals lists what the stand-ins refuse although no document does.
func ownRefusals() string {
	var b strings.Builder
	b.WriteString("| refused | why |\n|---|---|\n")
	for _, book := range books {
		for _, r := range book.Rules() {
			if r.Source == "" {
				fmt.Fprintf(&b, "| %s | %s |\n", r.Name, r.Reason)
			}
		}
	}
	return b.String()
}

// gaps lists what the stand-ins let pass although a vendor's document forbids it.
func gaps() string {
	var b strings.Builder
	b.WriteString("| passes here | what the document says | why it passes | document |\n|---|---|---|---|\n")
	for _, book := range books {
		for _, g := range book.Gaps() {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.Name, g.Says, g.Why, link(g.Source, g.IsUnconfirmed))
		}
	}
	return b.String()
}

// link is a source as a link with the end of its address, an npm package as it stands.
func link(source string, isUnconfirmed bool) string {
	text := source
	if !strings.HasPrefix(source, "npm:") {
		host, path, _ := strings.Cut(source, "/")
		parts := strings.Split(path, "/")
		text = fmt.Sprintf("[%s, %s](https://%s)", host, strings.Join(parts[max(0, len(parts)-2):], "/"), source)
	}
	if isUnconfirmed {
		text += " (not confirmed)"
	}
	return text
}

func TestThePageOfTheStandInsNamesEachFault(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/stand-ins.md"))
	require.NoError(t, err)
	for _, fault := range []emulator.Fault{emulator.FaultConcurrency, emulator.FaultRate, emulator.FaultGateway} {
		assert.Regexp(t, `(?m)^\| .`+string(fault)+`. \|`, string(page))
	}
}
