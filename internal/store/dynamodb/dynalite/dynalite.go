// Package dynalite runs a stand-in for DynamoDB for a test: dynalite, one process for all
// tests of a package, on loopback. Each test has a table of its own there.
//
// Requests to the table pass through this package, which counts them and injects faults.
package dynalite

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/dev/gobuild"
	"sotercall/internal/test/child"
	"sotercall/internal/test/need"
)

// Credentials and region of every [Table].
const (
	Region    = "eu-west-1"
	AccessKey = "AKIDOFTHETESTDYNALITE"
	SecretKey = "the-secret-access-key-of-the-test"
	Session   = "the-session-token-of-the-test-which-is-long"
)

// Table is an empty table, behind a proxy that injects faults.
type Table struct {
	// Name is the table's name.
	Name string
	// URL is the address of the proxy.
	URL string

	t       testing.TB
	backend string
	client  *http.Client // the client for backend
	proxy   *httptest.Server

	mu       sync.Mutex
	requests []string    // guarded by mu; the requests' actions
	header   http.Header // guarded by mu; of the last one
	fault    *Fault      // guarded by mu
	seen     int         // guarded by mu; requests of the fault's action
	bare     bool        // guarded by mu; see WithoutItems
}

var tables atomic.Int64

// Start makes a table, until the test ends. It needs npm: see package need.
func Start(t testing.TB) *Table {
	t.Helper()
	need.Time(t)
	root, err := gobuild.ModuleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	folder := need.NodeModules(t, filepath.Join(root, "internal/store/dynamodb/dynalite"))
	command := exec.Command("node", "serve.js")
	command.Dir = folder
	return StartOn(t, shared.Start(t, command))
}

var shared child.Shared

// StartOn makes a table on another server with DynamoDB's API, until the test ends.
func StartOn(t testing.TB, backend string) *Table {
	t.Helper()
	connections := &http.Transport{MaxIdleConnsPerHost: 256}
	t.Cleanup(connections.CloseIdleConnections)
	table := &Table{
		Name: fmt.Sprintf("test-%d", tables.Add(1)), t: t, backend: backend,
		client: &http.Client{Transport: connections, Timeout: time.Minute},
	}
	table.proxy = httptest.NewServer(table)
	table.URL = table.proxy.URL
	t.Cleanup(table.proxy.Close)
	table.create()
	return table
}

// Environment returns the variables of a function that uses the table.
func (s *Table) Environment() map[string]string {
	return map[string]string{
		"DYNAMODB_TABLE": s.Name, "AWS_ENDPOINT_URL_DYNAMODB": s.URL, "AWS_REGION": Region,
		"AWS_ACCESS_KEY_ID": AccessKey, "AWS_SECRET_ACCESS_KEY": SecretKey, "AWS_SESSION_TOKEN": Session,
	}
}

// Requests returns the actions of the requests since its last call, in their order.
func (s *Table) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.requests
	s.requests = nil
	return requests
}

// LastHeader returns that of the last request.
func (s *Table) LastHeader() http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.header.Clone()
}

// CutConnections closes the connections of all clients.
func (s *Table) CutConnections() { s.proxy.CloseClientConnections() }

// WithoutItems removes the item from failed conditions: not every server with DynamoDB's
// API returns it.
func (s *Table) WithoutItems() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bare = true
}

// create makes the table, and waits until it is ready.
func (s *Table) create() {
	s.t.Helper()
	s.Do("CreateTable", map[string]any{
		"BillingMode":          "PAY_PER_REQUEST",
		"KeySchema":            []any{map[string]any{"AttributeName": "pk", "KeyType": "HASH"}},
		"AttributeDefinitions": []any{map[string]any{"AttributeName": "pk", "AttributeType": "S"}},
	})
	for range 1000 {
		described := s.Do("DescribeTable", map[string]any{})
		if described["Table"].(map[string]any)["TableStatus"] == "ACTIVE" {
			return
		}
		time.Sleep(5 * time.Millisecond) // polls: another process has nothing to wait on
	}
	s.t.Fatal("the table does not get ready")
}

// Do sends an action to the server, past the faults, as the table's operator would. It adds
// the table's name.
func (s *Table) Do(action string, in map[string]any) (out map[string]any) {
	s.t.Helper()
	in["TableName"] = s.Name
	body, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := s.send(context.Background(), action, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(r.body, &out); err != nil || r.status != http.StatusOK {
		s.t.Fatalf("%s: %s", action, r.body)
	}
	return out
}

// Put writes an item in DynamoDB's JSON, without its pk.
func (s *Table) Put(key string, item map[string]any) {
	s.t.Helper()
	item["pk"] = map[string]any{"S": key}
	s.Do("PutItem", map[string]any{"Item": item})
}

// Delete removes an item.
func (s *Table) Delete(key string) {
	s.t.Helper()
	s.Do("DeleteItem", map[string]any{"Key": map[string]any{"pk": map[string]any{"S": key}}})
}

// Items returns all items in DynamoDB's JSON, by their pk, which is left out.
func (s *Table) Items() map[string]map[string]any {
	s.t.Helper()
	items := map[string]map[string]any{}
	for _, item := range s.Do("Scan", map[string]any{"ConsistentRead": true})["Items"].([]any) {
		item := item.(map[string]any)
		key := item["pk"].(map[string]any)["S"].(string)
		delete(item, "pk")
		items[key] = item
	}
	return items
}

// reply is a reply of the server.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request of ours. Its signature has the right form only: dynalite checks
// none.
func (s *Table) send(ctx context.Context, action string, body []byte) (reply, error) {
	return s.forward(ctx, http.Header{
		"Content-Type":  {"application/x-amz-json-1.0"},
		"X-Amz-Target":  {"DynamoDB_20120810." + action},
		"X-Amz-Date":    {"20260101T000000Z"},
		"Authorization": {"AWS4-HMAC-SHA256 Credential=test/20260101/" + Region + "/dynamodb/aws4_request, SignedHeaders=host, Signature=test"},
	}, body)
}

func (s *Table) forward(ctx context.Context, header http.Header, body []byte) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.backend, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header = header
	resp, err := s.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, answer}, err
}
