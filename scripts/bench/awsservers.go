package main

import (
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/dev/sandbox"
)

// secretsServer is a minimal Secrets Manager: every secret is the AppSecret.
func secretsServer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.MarshalWrite(w, map[string]string{"SecretString": sandbox.DefaultAppSecret})
}

// table is a minimal DynamoDB: it stores items, whatever the condition says, and changes
// none. That is enough for a function that runs alone.
type table struct {
	mu    sync.Mutex
	items map[string]jsontext.Value // guarded by mu; by pk
}

// ServeHTTP implements http.Handler.
func (t *table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	type key struct {
		PK struct{ S string } `json:"pk"`
	}
	var request struct {
		Key  key
		Item jsontext.Value
	}
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if err := json.UnmarshalRead(r.Body, &request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	answer := "{}"
	switch action {
	case "GetItem":
		if item, there := t.items[request.Key.PK.S]; there {
			answer = `{"Item":` + string(item) + `}`
		}
	case "PutItem":
		var put key
		if err := json.Unmarshal(request.Item, &put); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		t.items[put.PK.S] = request.Item.Clone()
	}
	_, _ = io.WriteString(w, answer)
}
