// Package internal_test keeps the house in order: which package may use which,
// and what never ends up in a function.
package internal_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// storeys are the packages from the ground up. Each uses only those of the
// storeys below it.
var storeys = []string{
	"secret journal jsonobject wiring/filewatch upstream version adapter/scfguard dev/gobuild dev/changelog test/child test/nodemodules test/tlstest",
	"soter openapi secret/redact dev/loopback dev/rule test/tools test/documented",
	"trigger upstream/awssdk dev/emulator dev/rule/ruletest test/need",
	"adapter secrets test/moto",
	"accesstoken authkeys challenge wechat/cloudcall function adapter/platforms",
	"tokenserver wechat wiring/doctor wiring/metrics dev/sandbox store",
	"wiring store/redis store/dynamodb dev/hosting",
	"wiring/deployed store/redis/redistest store/dynamodb/dynalite secrets/secretsmanagertest challenge/ledgertest authkeys/storetest accesstoken/storetest",
	"test/hosted",
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	return strings.Fields(goLines(t, args...))
}

func goLines(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	require.NoError(t, err)
	return string(out)
}

func TestArrowsRunDownwards(t *testing.T) {
	const prefix = "sotercall/internal/"
	module := goList(t, "-m")[0]
	storey := map[string]int{}
	for n, names := range storeys {
		for name := range strings.FieldsSeq(names) {
			storey[prefix+name] = n
		}
	}
	packages := goList(t, "-f", `{{if .GoFiles}}{{.ImportPath}}{{end}}`, "sotercall/internal/...")
	for _, p := range packages {
		if strings.Contains(p, "/testdata/") {
			continue
		}
		require.Contains(t, storey, p, "say in storeys where it belongs")
		for _, used := range goList(t, "-f", `{{join .Imports "\n"}}`, p) {
			if strings.HasPrefix(used, module+"/") {
				assert.Less(t, storey[used], storey[p], "%s uses %s", p, used)
			}
		}
	}
	assert.GreaterOrEqual(t, len(packages), len(storey), "nothing is listed that is gone")
}

// Metrics are for a port: a function on Lambda or SCF has its figures in the log, and a
// smaller zip.
func TestPrometheusIsLinkedIntoTheServiceOnly(t *testing.T) {
	const library = "github.com/prometheus/client_golang"
	for _, function := range goList(t, "sotercall/functions/...") {
		linked := strings.Join(goList(t, "-deps", function), " ")
		if strings.HasSuffix(function, "/service") {
			assert.Contains(t, linked, library, "the twin")
		} else {
			assert.NotContains(t, linked, library, function)
			assert.NotContains(t, linked, "sotercall/internal/wiring/metrics", function)
		}
	}
	var users []string
	for _, line := range strings.Split(goLines(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "sotercall/..."), "\n") {
		if name, imports, _ := strings.Cut(line, " "); strings.Contains(imports, library) {
			users = append(users, name)
		}
	}
	assert.Equal(t, []string{"sotercall/internal/wiring/metrics"}, users, "only that package knows of it")
}

func TestNoStandInIsLinkedIntoAFunction(t *testing.T) {
	functions := goList(t, "sotercall/functions/...")
	require.Len(t, functions, 4)
	for _, function := range functions {
		linked := strings.Join(goList(t, "-deps", function), " ")
		for _, standIn := range []string{"internal/dev/", "internal/test/", "redistest", "dynalite", "secretsmanagertest", "ledgertest", "storetest", "testify", "rapid", "goleak"} {
			assert.NotContains(t, linked, standIn, function)
		}
		assert.Contains(t, linked, "sotercall/internal/adapter", "the twin: what is linked is listed")
	}
}

// A program that embeds the service links what it imports, and nothing of a platform or a
// store that it has not chosen.
func TestRootPackageLinksNoClientOfACloud(t *testing.T) {
	clients := []string{"aws-sdk-go", "smithy-go", "go-redis", "aws-lambda-go", "scf-go-lib", "prometheus"}
	linked := goList(t, "-deps", goList(t, "-m")[0])
	require.Contains(t, linked, "sotercall/internal/wiring", "the twin: what is linked is listed")
	for _, p := range linked {
		for _, client := range append(clients, "internal/dev/", "internal/test/", "testify", "sotercall/internal/adapter/platforms", "sotercall/internal/store/") {
			assert.NotContains(t, p, client)
		}
	}
	for option, client := range map[string]string{
		"sotercall/redisstore": "go-redis", "sotercall/dynamodbstore": "aws-sdk-go", "sotercall/secretsmanager": "aws-sdk-go",
	} {
		assert.Contains(t, strings.Join(goList(t, "-deps", option), " "), client, "the twin")
	}
	all := strings.Join(goList(t, "-deps", "sotercall/functions/service"), " ")
	for _, client := range clients {
		assert.Contains(t, all, client, "the twin: it is known by that name")
	}
}
