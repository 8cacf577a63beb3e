package doctor_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/hosted"
	"sotercall/internal/wiring/doctor"
)

func TestRedisThatCannotWork(t *testing.T) {
	p := newPatient(t)
	server := redistest.Start(t)
	good := server.URL.Reveal()
	p.variables["REDIS_URL"] = strings.Replace(good, redistest.Password, wrongSecret, 1)
	failed(t, p.check(t), "REDIS_URL", "the server refuses the user or the password", "docs/stores.md")

	// An evicted challenge counts again.
	p.variables["REDIS_URL"] = good
	server.Do("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
	failed(t, p.check(t), ": maxmemory-policy", "volatile-lru", "noeviction")
	server.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	assert.True(t, p.check(t).Good(), "the twin")

	// A user without the right to read the policy has to look it up.
	server.Do("ACL", "SETUSER", "app", "on", ">"+wrongSecret, "~sotercall:*", "+@all", "-info")
	p.variables["REDIS_URL"] = strings.Replace(good, ":"+redistest.Password, "app:"+wrongSecret, 1)
	report := p.check(t)
	assert.True(t, report.Good(), "%+v", report.Lines)
	assert.Equal(t, doctor.Skipped, line(t, report, ": maxmemory-policy").Status)

	// One that may read and not write.
	server.Do("ACL", "SETUSER", "app", "-set")
	failed(t, p.check(t), "REDIS_URL: consume a challenge", "", "give it the rights")

	server.Kill()
	p.variables["REDIS_URL"] = good
	failed(t, p.check(t), "REDIS_URL: read a token", "connection refused", "let the function reach the store")
}

func TestNodeOfAClusterTakenForOneServer(t *testing.T) {
	p := newPatient(t)
	cluster := redistest.StartCluster(t)
	p.variables["REDIS_URL"] = cluster.URL.Reveal()
	assert.True(t, p.check(t).Good(), "the twin")
	p.variables["REDIS_URL"], _, _ = strings.Cut(cluster.URL.Reveal(), "?")
	failed(t, p.check(t), "REDIS_URL", "add ?is_cluster_mode=true", "docs/stores.md")
}

// DynamoDB that refuses, and one that takes everything.
func TestDynamoDB(t *testing.T) {
	p := newPatient(t)
	answer, status := "", http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	p.variables = hosted.With(p.variables, map[string]string{
		"DYNAMODB_TABLE": "sotercall", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": wrongSecret,
		"AWS_ENDPOINT_URL_DYNAMODB": server.URL,
	})
	answer = "{}"
	report := p.check(t)
	assert.Equal(t, doctor.OK, line(t, report, "DYNAMODB_TABLE: consume a challenge").Status, "%+v", report.Lines)
	for _, l := range report.Lines {
		assert.NotContains(t, l.Name, "maxmemory")
	}

	status, answer = http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}`
	failed(t, p.check(t), "DYNAMODB_TABLE", "there is no table sotercall in eu-west-1", "docs/stores.md")
	answer = `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"not authorized to perform: dynamodb:PutItem"}`
	failed(t, p.check(t), "DYNAMODB_TABLE: consume a challenge", "access denied", "give it the rights")

	p.variables["AWS_ENDPOINT_URL_DYNAMODB"] = "http://127.0.0.1:1"
	l := line(t, p.check(t), "DYNAMODB_TABLE: read a token")
	require.Equal(t, doctor.Failed, l.Status)
	assert.Contains(t, l.Text, "it cannot be reached")
}
