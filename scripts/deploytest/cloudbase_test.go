package deploytest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/documented"
	"sotercall/internal/test/need"
)

// cloudBase stands in for Tencent's APIs and its storage, as far as the command line
// of CloudBase asks them to deploy a function: to somebody who has an environment
// and no function yet, and it refuses nothing.
type cloudBase struct {
	mu      sync.Mutex
	created []object          // CreateFunction; guarded by mu
	stored  map[string][]byte // objects by path; guarded by mu
}

func (c *cloudBase) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.Contains(r.Header.Get("X-Meant-For"), ".myqcloud.com") {
		c.store(w, r, body)
		return
	}
	response := object{"RequestId": "r"}
	switch r.Header.Get("X-TC-Action") {
	case "DescribeEnvs":
		response["EnvList"] = []object{{"EnvId": "env-1", "Status": "NORMAL", "Region": "ap-shanghai",
			"Functions": []object{{"Namespace": "env-1", "Region": "ap-shanghai"}}, "LogServices": []object{{"LogsetId": "l", "TopicId": "t"}}}}
	case "GetTempCosInfo":
		response["Sign"], response["Date"] = "q-sign-algorithm=sha1&q-ak=a&q-sign-time=0;1&q-key-time=0;1&q-header-list=&q-url-param-list=&q-signature=s", "20260101"
	case "CreateFunction":
		var request object
		if err := json.Unmarshal(body, &request); err == nil {
			c.created = append(c.created, request)
		}
	case "GetFunction":
		response["Status"], response["FunctionName"] = "Active", "any"
		if len(c.created) == 0 {
			response["Error"] = object{"Code": "ResourceNotFound.Function", "Message": "there is none"}
		}
	}
	_ = json.MarshalWrite(w, object{"Response": response})
}

// taken returns what was created and stored, and forgets it.
func (c *cloudBase) taken() (created []object, stored map[string][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	created, stored = c.created, c.stored
	c.created, c.stored = nil, map[string][]byte{}
	return created, stored
}

// store is the storage, in one part or in several, which come in order.
func (c *cloudBase) store(w http.ResponseWriter, r *http.Request, body []byte) {
	query := r.URL.Query()
	w.Header().Set("ETag", `"e"`)
	switch {
	case r.Method == http.MethodPut:
		c.stored[r.URL.Path] = append(c.stored[r.URL.Path], body...)
	case r.Method == http.MethodPost && query.Has("uploads"):
		_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
	case r.Method == http.MethodPost:
		_, _ = io.WriteString(w, "<CompleteMultipartUploadResult><Location>l</Location></CompleteMultipartUploadResult>")
	case r.Method == http.MethodGet && query.Has("uploads"):
		_, _ = io.WriteString(w, "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")
	default:
		fmt.Fprintln(w)
	}
}

// tcb runs the command line of CloudBase in a folder, with somebody's keys.
func tcb(t *testing.T, folder, home, standIn string, args ...string) string {
	t.Helper()
	need.CI(t)
	installed := need.NodeModules(t, tools)
	return output(t.Context(), t, folder, []string{
		"HOME=" + home, "STAND_IN=" + standIn, "NODE_OPTIONS=--require " + filepath.Join(installed, "offline.js"),
	}, filepath.Join(installed, "node_modules", ".bin", "tcb"), args...)
}

// packaged lays out the folder cloudbase and what scripts/package makes for it, with
// a short program, and returns the folder cloudbase.
func packaged(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	folder := filepath.Join(root, "deploy", "cloudbase")
	require.NoError(t, os.CopyFS(folder, os.DirFS("cloudbase")))
	write := func(name, content string, mode os.FileMode) {
		file := filepath.Join(root, "dist", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(content), mode))
	}
	for _, function := range []string{"scf/verify", "scf/challenge", "http/service"} {
		write(function+"/main", strings.Repeat("a program, ", 200_000), 0o755)
	}
	permissions, err := os.ReadFile("../functions/verify/config.json")
	require.NoError(t, err)
	write("scf/verify/config.json", string(permissions), 0o644)
	for _, command := range documented.Commands(t) {
		if strings.HasPrefix(command, "cd ") {
			output(t.Context(), t, root, nil, "sh", "-c", command)
		}
	}
	bootstrap, err := os.ReadFile("cloudbase/scf_bootstrap")
	require.NoError(t, err)
	write("http/service/scf_bootstrap", string(bootstrap), 0o755)
	example, err := os.ReadFile(filepath.Join(folder, ".env"))
	require.NoError(t, err)
	var env strings.Builder // and filled in
	for line := range strings.Lines(string(example)) {
		if name, _, isVariable := strings.Cut(line, "="); isVariable {
			value := "the-value-of-" + name
			if name == "ENV_ID" {
				value = "env-1"
			}
			fmt.Fprintf(&env, "%s=%s\n", name, value)
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".env"), []byte(env.String()), 0o600))
	return folder
}

// TestWhatCloudBaseWouldBeSent deploys with CloudBase's own command line, cut off
// from the network: what it reads in cloudbaserc.json is what it would send.
func TestWhatCloudBaseWouldBeSent(t *testing.T) {
	cloud := &cloudBase{stored: map[string][]byte{}}
	server := httptest.NewServer(cloud)
	defer server.Close()
	folder, home := packaged(t), t.TempDir()
	expected := map[string]struct {
		kind      string
		variables map[string]string
		files     map[string]os.FileMode
	}{
		"verify": {"Event", map[string]string{
			"WECHAT_APPID": "the-value-of-WECHAT_APPID", "WECHAT_APPSECRET": "the-value-of-WECHAT_APPSECRET",
			"CHALLENGE_SECRET": "the-value-of-CHALLENGE_SECRET", "REDIS_URL": "the-value-of-REDIS_URL"},
			map[string]os.FileMode{"main": 0o755, "config.json": 0o644}},
		"challenge": {"Event", map[string]string{"CHALLENGE_SECRET": "the-value-of-CHALLENGE_SECRET"},
			map[string]os.FileMode{"main": 0o755}},
		"service": {"HTTP", map[string]string{
			"WECHAT_APPID": "the-value-of-WECHAT_APPID", "WECHAT_APPSECRET": "the-value-of-WECHAT_APPSECRET",
			"CHALLENGE_SECRET": "the-value-of-CHALLENGE_SECRET", "REDIS_URL": "the-value-of-REDIS_URL",
			"HTTP_BEARER_TOKENS": "the-value-of-HTTP_BEARER_TOKENS",
		}, map[string]os.FileMode{"main": 0o755, "scf_bootstrap": 0o755}},
	}
	deployed := 0
	for _, command := range documented.Commands(t) {
		arguments := strings.Fields(command)[1:]
		switch arguments[0] {
		case "login":
			tcb(t, folder, home, server.URL, append(arguments, "--apiKeyId", "AKID"+strings.Repeat("a", 32), "--apiKey", strings.Repeat("b", 32))...)
			continue
		case "fn":
		default:
			continue // packaged runs it
		}
		deployed++
		function := arguments[len(arguments)-1]
		want, known := expected[function]
		require.True(t, known, function)
		said := tcb(t, folder, home, server.URL, arguments...)
		functions, stored := cloud.taken()
		require.Len(t, functions, 1, "%s: %s", function, said)
		created := functions[0]
		assert.Equal(t, function, created["FunctionName"])
		assert.Equal(t, "Go1", created["Runtime"], function)
		assert.Equal(t, "main", created["Handler"], function)
		assert.Equal(t, want.kind, created["Type"], function)
		assert.EqualValues(t, 128, created["MemorySize"], function)
		assert.Equal(t, "FALSE", created["InstallDependency"], function)
		variables := map[string]string{}
		for _, v := range at(t, created, "Environment", "Variables").([]any) {
			variables[v.(object)["Key"].(string)] = v.(object)["Value"].(string)
		}
		assert.Equal(t, want.variables, variables, function)

		require.Len(t, stored, 1, function)
		for _, packed := range stored {
			archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
			require.NoError(t, err, function)
			files := map[string]os.FileMode{}
			for _, file := range archive.File {
				files[file.Name] = file.Mode().Perm()
			}
			assert.Equal(t, want.files, files, function)
		}
	}
	assert.Equal(t, len(expected), deployed)
}

// TestCloudBaseVariablesAreThoseThatTheFunctionsKnow, and secrets come from .env.
func TestCloudBaseVariablesAreThoseThatTheFunctionsKnow(t *testing.T) {
	for _, f := range load(t, "cloudbase/cloudbaserc.json")["functions"].([]any) {
		function := f.(object)
		name := function["name"].(string)
		of := []string{name}
		if name == "service" {
			of = []string{"verify", "challenge", "token"}
		}
		var known []string
		secret := map[string]bool{}
		for _, part := range of {
			names, secrets := variablesOf(t, part)
			known = append(known, names...)
			for variable, is := range secrets {
				secret[variable] = secret[variable] || is
			}
		}
		for variable, value := range at(t, function, "envVariables").(object) {
			assert.True(t, slices.Contains(known, variable), "%s of %s", variable, name)
			assert.Equal(t, secret[variable] || variable == "WECHAT_APPID", value == "{{env."+variable+"}}", "%s of %s", variable, name)
		}
	}
}
