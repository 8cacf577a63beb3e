// Package documented gives a test the commands of the documents that it runs. The test reads
// them where a user does, so no copy of them can differ.
package documented

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sotercall/internal/dev/gobuild"
)

// Script is the commands of one document that a test runs.
type Script struct {
	Test     string   // its folder and its name
	document string   // below the root of the project
	begins   []string // how the commands begin; none is all commands of the document
}

// Scripts are those of all tests. The test of the documents finds the commands that no test
// runs by them.
var Scripts = []Script{
	{"docs TestDocumentedGoModule", "docs/go.md", nil},
	{"docs TestOneUserIsDeleted", "docs/personal-data.md", nil},
	{"functions/service TestImage", "docs/containers.md", []string{"docker build ", "docker run "}},
	{"functions/service TestImage", "docs/central-token-server.md", []string{"docker run "}},
	{"functions/service TestOneContainerForTwo", "docs/cloud-hosting.md", []string{"cp dist/", "cp deploy/cloud-hosting/"}},
	{"internal/dev/sandbox TestDocumentedCommandsRun", "docs/sandbox.md", []string{"curl "}},
	{"scripts/deploytest TestCloudHostingConfig", "docs/cloud-hosting.md", []string{"cp deploy/container/"}},
	{"scripts/deploytest TestCredentialsAreExported", "docs/aws.md", []string{"eval "}},
	{"scripts/deploytest TestDocumentedAWSCommands", "docs/aws.md", []string{"aws secretsmanager ", "openssl ", "aws dynamodb "}},
	{"scripts/deploytest TestDocumentedTCCLI", "docs/scf.md", []string{"set -a ", "for ", "python3 ", "tccli ", "done"}},
	{"scripts/deploytest TestFirstCall", "docs/aws.md", []string{"aws lambda invoke ", "curl "}},
	{"scripts/deploytest TestOutputsAreExported", "docs/aws.md", []string{"export $(aws cloudformation "}},
	{"scripts/deploytest TestReleaseIsDeployedFromItsFiles", "docs/releases.md", []string{"sha256sum ", "sam ", "unzip ", "cp "}},
	{"scripts/deploytest TestSAMLocal", "docs/aws.md", []string{"sam validate ", "sam build ", "sam local "}},
	{"scripts/deploytest TestServerlessInvokeLocal", "docs/aws.md", []string{"osls invoke "}},
	{"scripts/deploytest TestServerlessPackage", "docs/aws.md", []string{"osls package "}},
	{"scripts/deploytest TestWhatCloudBaseWouldBeSent", "docs/cloudbase.md", []string{"cd deploy/cloudbase ", "tcb "}},
	{"scripts/exampletest TestClients", "docs/walkthrough.md", []string{"sh ", "node ", "python3 ", "java ", "go build "}},
	{"scripts/exampletest TestOnALaptop", "docs/walkthrough.md", []string{"go run ./scripts/local ", "SOTER_URL="}},
	{"scripts/interop TestDocumentedCentralServer", "docs/central-token-server.md", []string{
		"go run ./scripts/local ", "PORT=", "curl -s http://127.0.0.1:8080/cgi-bin/", "curl -s -X POST "}},
	{"scripts/interop TestDocumentedVariables", "docs/sandbox.md", []string{"export TCB_CONTEXT_CNFG="}},
}

// Commands returns the commands that the running test shall run, in their order.
func Commands(t testing.TB) (all []string) {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	for _, s := range Scripts {
		if strings.HasSuffix(s.Test, " "+name) {
			all = append(all, s.Commands(t)...)
		}
	}
	if len(all) == 0 {
		t.Fatalf("Scripts has no commands for %s", name)
	}
	return all
}

// Commands returns the commands of s. Each of its beginnings must be there.
func (s Script) Commands(t testing.TB) (all []string) {
	t.Helper()
	written := In(t, s.document)
	if len(s.begins) == 0 {
		return written
	}
	found := map[string]bool{}
	for _, command := range written {
		i := slices.IndexFunc(s.begins, func(begin string) bool { return strings.HasPrefix(command, begin) })
		if i >= 0 {
			found[s.begins[i]] = true
			all = append(all, command)
		}
	}
	for _, begin := range s.begins {
		if !found[begin] {
			t.Fatalf("%s has no command %q for %s", s.document, begin, s.Test)
		}
	}
	return all
}

var (
	block   = regexp.MustCompile("(?s)```sh\n(.*?)```")
	comment = regexp.MustCompile(`(?m)(?:^|[ \t]+)#[ \t].*$`)
)

// In returns the lines of a document's shell blocks, without comments. The document's name
// is that from the root of the project.
func In(t testing.TB, document string) (lines []string) {
	t.Helper()
	root, err := gobuild.ModuleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range block.FindAllSubmatch(text, -1) {
		for line := range strings.Lines(comment.ReplaceAllString(string(found[1]), "")) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines
}
