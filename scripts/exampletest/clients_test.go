package exampletest

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/documented"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
	"sotercall/internal/test/tlstest"
)

// client is a file of examples/clients, and what runs it.
type client struct {
	program string   // that must be installed
	large   bool     // CI does without it
	compile []string // with the folder of the result to follow
	binary  []string // in that folder, what is run then
}

var clients = map[string]client{
	"verify.sh":   {program: "curl"},
	"verify.go":   {program: "go", compile: []string{"go", "build", "-o"}, binary: []string{"./verify"}},
	"verify.mjs":  {program: "node"},
	"verify.py":   {program: "python3"},
	"Verify.java": {program: "javac", large: true, compile: []string{"javac", "-d"}, binary: []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", ".", "Verify"}},
}

// Two purposes that differ in a digit.
const (
	order42 = "pay order 2026-0042, 42.00 CNY, to Tea House 茶馆"
	order43 = "pay order 2026-0043, 42.00 CNY, to Tea House 茶馆"
)

const clientsFolder = "../../examples/clients"

// Exit statuses of every client.
const (
	genuine   = 0
	refused   = 1
	noVerdict = 2
)

func TestEveryClientIsRun(t *testing.T) {
	files, err := os.ReadDir(clientsFolder)
	require.NoError(t, err)
	assert.Len(t, files, len(clients))
	for _, file := range files {
		assert.Contains(t, clients, file.Name())
		source, err := os.ReadFile(filepath.Join(clientsFolder, file.Name()))
		require.NoError(t, err)
		assert.Less(t, strings.Count(string(source), "\n"), 60, file.Name())
	}
}

// TestClients runs each client as docs/walkthrough.md says, and the compiled ones also by
// themselves, because the command of the document compiles anew.
func TestClients(t *testing.T) {
	commands := documented.Commands(t)
	require.Len(t, commands, len(clients))
	w := open(t)
	_, err := w.sandbox.Phone(stranger, sandbox.Android)
	require.NoError(t, err)
	for name, client := range clients {
		t.Run(name, func(t *testing.T) {
			_, err := need.Find(client.program)
			if client.large {
				need.Optional(t, err)
			}
			need.Met(t, err)
			folder := t.TempDir()
			require.NoError(t, os.CopyFS(folder, os.DirFS(clientsFolder)))
			shown := slices.IndexFunc(commands, func(command string) bool { return strings.Contains(command, " "+name+" ") })
			require.GreaterOrEqual(t, shown, 0, "the document runs it")
			command := strings.Replace(commands[shown], "question.json", `"$0"`, 1)
			w.testClient(t, runner{folder, []string{"sh", "-c", command}}, client.compile == nil)
			if client.compile != nil {
				built := t.TempDir()
				compile := exec.CommandContext(t.Context(), client.compile[0], append(client.compile[1:], built+"/", name)...)
				compile.Dir = folder
				out, err := compile.CombinedOutput()
				require.NoError(t, err, "%s", out)
				w.testClient(t, runner{built, client.binary}, true)
			}
		})
	}
}

// runner runs a client.
type runner struct {
	folder  string
	command []string
}

// ask has the client ask at url. The file of the question need not be there.
func (r runner) ask(t *testing.T, url, token, question string) (status int, stdout, stderr string) {
	t.Helper()
	run := exec.CommandContext(t.Context(), r.command[0], append(r.command[1:len(r.command):len(r.command)], question)...)
	run.Dir = r.folder
	run.Env = append(run.Environ(), "SOTER_URL="+url, "SOTER_BEARER_TOKEN="+token)
	var out, said bytes.Buffer
	run.Stdout, run.Stderr = &out, &said
	_ = run.Run() // its status says it
	assert.NotContains(t, out.String()+said.String(), bearerToken)
	return run.ProcessState.ExitCode(), out.String(), said.String()
}

// testClient asks everything, or only the one question that is genuine.
func (w *world) testClient(t *testing.T, r runner, everything bool) {
	ask := func(t *testing.T, url, token string, question []byte) (status int, stdout, stderr string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "question.json")
		require.NoError(t, os.WriteFile(file, question, 0o600))
		return r.ask(t, url, token, file)
	}
	// question is what a client is to ask about a signature that was made for a purpose;
	// "" is none.
	question := func(t *testing.T, holder, purpose string) object {
		t.Helper()
		q := object{"openid": user}
		if purpose != "" {
			q["purpose"] = purpose
		}
		status, answer := hosted.Post(t, w.doors+"/openapi/soter/issueChallenge", hosted.JSON(t, q),
			http.Header{"Authorization": {"Bearer " + bearerToken}})
		require.Equal(t, http.StatusOK, status, answer)
		s := w.signs(t, holder, answer)
		q["jsonString"], q["jsonSignature"] = s.JSONString, s.JSONSignature
		return q
	}
	signed := func(t *testing.T, holder string) object { return question(t, holder, order42) }

	t.Run("genuine", func(t *testing.T) {
		status, stdout, stderr := ask(t, w.doors, bearerToken, hosted.JSON(t, signed(t, user)))
		assert.Equal(t, genuine, status, stderr)
		assert.Equal(t, "genuine\n", stdout)
	})
	if !everything {
		return
	}
	t.Run("another user's phone", func(t *testing.T) {
		status, stdout, stderr := ask(t, w.doors, bearerToken, hosted.JSON(t, signed(t, stranger)))
		assert.Equal(t, refused, status, stderr)
		assert.Equal(t, "refused\n", stdout)
	})
	t.Run("no purpose", func(t *testing.T) {
		status, _, stderr := ask(t, w.doors, bearerToken, hosted.JSON(t, question(t, user, "")))
		assert.Equal(t, genuine, status, stderr)
	})
	for name, purpose := range map[string]any{"another order": order43, "a purpose is missing": nil} {
		t.Run(name, func(t *testing.T) {
			q := question(t, user, order42)
			if q["purpose"] = purpose; purpose == nil {
				delete(q, "purpose")
			}
			status, stdout, stderr := ask(t, w.doors, bearerToken, hosted.JSON(t, q))
			assert.Equal(t, refused, status, stderr)
			assert.Equal(t, "refused\n", stdout)
		})
	}
	t.Run("a purpose is added", func(t *testing.T) {
		q := question(t, user, "")
		q["purpose"] = order42
		status, _, stderr := ask(t, w.doors, bearerToken, hosted.JSON(t, q))
		assert.Equal(t, refused, status, stderr)
	})
	t.Run("WeChat refuses the call", func(t *testing.T) {
		require.NoError(t, w.sandbox.Inject(sandbox.Fault{Path: verifyFault, Kind: sandbox.FaultErrCode, ErrCode: 48001}))
		defer w.sandbox.ClearFaults()
		status, stdout, stderr := ask(t, w.doors, bearerToken, hosted.JSON(t, signed(t, user)))
		assert.Equal(t, noVerdict, status)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, "no verdict: ")
		assert.Contains(t, stderr, "502")
	})
	t.Run("a wrong token", func(t *testing.T) {
		status, _, stderr := ask(t, w.doors, "wrong", hosted.JSON(t, signed(t, user)))
		assert.Equal(t, noVerdict, status)
		assert.Contains(t, stderr, "401")
	})
	for fault, says := range map[emulator.Fault]string{emulator.FaultConcurrency: "432", emulator.FaultRate: "429"} {
		t.Run("the platform throttles verify, "+says, func(t *testing.T) {
			q := hosted.JSON(t, signed(t, user))
			w.verify.Inject(fault, 1)
			status, stdout, stderr := ask(t, w.doors, bearerToken, q)
			assert.Equal(t, noVerdict, status)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, says)
			status, _, stderr = ask(t, w.doors, bearerToken, q)
			assert.Equal(t, genuine, status, "the challenge was not used up: %s", stderr)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		status, _, _ := ask(t, "http://127.0.0.1:1", bearerToken, hosted.JSON(t, signed(t, user)))
		assert.Equal(t, noVerdict, status)
	})

	const yes = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`
	elsewhere := hosted.Serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header.Get("Authorization"), "a redirect took the token along")
		_, _ = rw.Write([]byte(`{"isOk":null}`))
	}))
	for name, answer := range map[string]http.HandlerFunc{
		"the twin":                says(200, yes),
		"status 500":              says(500, yes),
		"a web page":              says(200, "<html>"+yes),
		"isOk is text":            says(200, `{"isOk":"true","errMsg":"openapi.soter.verifySignature:ok","errCode":0}`),
		"isOk is missing":         says(200, `{"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`),
		"isOk with an errCode":    says(200, `{"isOk":true,"errMsg":"openapi.soter.verifySignature:fail -1 busy","errCode":-1}`),
		"no with an errCode":      says(200, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -1 busy","errCode":-1}`),
		"errCode is false":        says(200, `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":false}`),
		"errCode is missing":      says(200, `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok"}`),
		"yes in the text":         says(200, `{"isOk":false,"errMsg":"\"isOk\":true","errCode":-604103}`),
		"nothing":                 says(200, ""),
		"broken off":              says(200, yes[:20]),
		"a redirect elsewhere":    func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, elsewhere, http.StatusFound) },
		"the HTTPS Call's answer": says(200, `{"errcode":0,"errmsg":"ok","is_ok":true}`),
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, _ := ask(t, hosted.Serve(t, answer), bearerToken, []byte(`{"openid":"o","jsonString":"{}","jsonSignature":"s"}`))
			if name == "the twin" {
				assert.Equal(t, genuine, status)
				return
			}
			assert.Equal(t, noVerdict, status)
			assert.Empty(t, stdout)
		})
	}
	t.Run("TLS", func(t *testing.T) { r.testTLS(t, says(200, yes)) })
	t.Run("no such file", func(t *testing.T) {
		status, _, _ := r.ask(t, w.doors, bearerToken, "no-such-file.json")
		assert.Equal(t, noVerdict, status)
	})
}

// testTLS asks servers that differ in what they negotiate. An authority that the client
// does not know, and a server with HTTP/2 that goes away, are no verdict.
func (r runner) testTLS(t *testing.T, genuinely http.Handler) {
	question := filepath.Join(t.TempDir(), "question.json")
	require.NoError(t, os.WriteFile(question, []byte(`{"openid":"o","jsonString":"{}","jsonSignature":"s"}`), 0o600))
	noVerdictFrom := func(name, url string) {
		status, stdout, stderr := r.ask(t, url, bearerToken, question)
		assert.Equal(t, noVerdict, status, name)
		assert.Empty(t, stdout, name)
		assert.NotEmpty(t, stderr, name)
	}
	noVerdictFrom("an unknown authority", hosted.ServeTLS(t, genuinely))
	r.trust(t)
	for name, protocols := range map[string][]string{"HTTP/2 and HTTP/1.1": tlstest.Common, "HTTP/1.1 only": {"http/1.1"}, "no ALPN": {}} {
		status, stdout, stderr := r.ask(t, hosted.ServeTLS(t, genuinely, protocols...), bearerToken, question)
		assert.Equal(t, genuine, status, "%s: %s", name, stderr)
		assert.Equal(t, "genuine\n", stdout, name)
	}
	noVerdictFrom("HTTP/2 only, by ALPN", tlstest.ServeHTTP2Only(t, true))
	noVerdictFrom("HTTP/2 only", tlstest.ServeHTTP2Only(t, false))
}

// trust makes the client trust the servers of this process until the test ends.
func (r runner) trust(t *testing.T) {
	t.Helper()
	authority := filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(authority, tlstest.Own().PEM, 0o600))
	for _, variable := range []string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"} {
		t.Setenv(variable, authority)
	}
	if r.command[0] != "java" {
		return
	}
	store := filepath.Join(t.TempDir(), "authority.p12")
	out, err := exec.CommandContext(t.Context(), "keytool", "-importcert", "-noprompt", "-file", authority, "-keystore", store, "-storetype", "PKCS12", "-storepass", "changeit").CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Setenv("JAVA_TOOL_OPTIONS", "-Djavax.net.ssl.trustStore="+store+" -Djavax.net.ssl.trustStorePassword=changeit")
}

func says(status int, answer string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		// With HTTP/2, a response before the end of the request resets the stream, which
		// curl takes for an error.
		_, _ = io.Copy(io.Discard, r.Body)
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(answer))
	}
}
