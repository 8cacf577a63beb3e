package sotercall_test

import (
	"flag"
	"fmt"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

var update = flag.Bool("update", false, "write testdata/api.txt anew")

// public are the packages that other modules may import.
var public = []string{".", "sotercall/dynamodbstore", "sotercall/redisstore", "sotercall/secretsmanager", "sotercall/sotercalltest"}

// api is the exported API of a package, one line for each name, in the style of Go's own
// api/go1.txt. It collects types of internal packages in leaks.
type api struct {
	pkg   *types.Package
	lines []string
	leaks []string
}

func loadAPI(t *testing.T, paths ...string) (lines, leaks []string) {
	t.Helper()
	loaded, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedTypes}, paths...)
	require.NoError(t, err)
	require.Len(t, loaded, len(paths))
	for _, p := range loaded {
		require.Empty(t, p.Errors)
		a := &api{pkg: p.Types}
		for _, name := range p.Types.Scope().Names() {
			if object := p.Types.Scope().Lookup(name); object.Exported() {
				a.object(object)
			}
		}
		lines, leaks = append(lines, a.lines...), append(leaks, a.leaks...)
	}
	slices.Sort(lines)
	return lines, leaks
}

func (a *api) add(format string, args ...any) {
	a.lines = append(a.lines, "pkg "+a.pkg.Name()+", "+fmt.Sprintf(format, args...))
}

// text writes a type with the names of the packages that it is of.
func (a *api) text(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p == a.pkg {
			return ""
		}
		if strings.Contains(p.Path(), "/internal/") {
			a.leaks = append(a.leaks, t.String())
		}
		return p.Name()
	})
}

func (a *api) object(object types.Object) {
	switch o := object.(type) {
	case *types.Const:
		a.add("const %s %s = %s", o.Name(), a.text(o.Type()), o.Val())
	case *types.Var:
		a.add("var %s %s", o.Name(), a.text(o.Type()))
	case *types.Func:
		a.add("func %s%s", o.Name(), strings.TrimPrefix(a.text(o.Type()), "func"))
	case *types.TypeName:
		a.typeName(o)
	}
}

func (a *api) typeName(o *types.TypeName) {
	structure, isStruct := o.Type().Underlying().(*types.Struct)
	if !isStruct {
		a.add("type %s %s", o.Name(), a.text(o.Type().Underlying()))
	} else {
		a.add("type %s struct", o.Name())
		for field := range structure.Fields() {
			if field.Exported() {
				a.add("type %s struct, %s %s", o.Name(), field.Name(), a.text(field.Type()))
			}
		}
	}
	methods := types.NewMethodSet(types.NewPointer(o.Type()))
	for selection := range methods.Methods() {
		if m := selection.Obj(); m.Exported() {
			a.add("method (%s) %s%s", a.text(m.Type().(*types.Signature).Recv().Type()), m.Name(), strings.TrimPrefix(a.text(m.Type()), "func"))
		}
	}
}

// A change of the API is seen. If it is meant: go test . -run TestAPI -update, and a line in
// CHANGELOG.md.
func TestAPIIsTheRecordedOne(t *testing.T) {
	lines, _ := loadAPI(t, public...)
	const file = "testdata/api.txt"
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// Another module cannot name an internal type.
func TestAPIShowsNoInternalType(t *testing.T) {
	lines, leaks := loadAPI(t, public...)
	assert.Empty(t, leaks)
	assert.Greater(t, len(lines), 60, "all of it was looked at")
	_, leaks = loadAPI(t, "sotercall/internal/function")
	assert.NotEmpty(t, leaks, "the twin: internal types are seen")
}
