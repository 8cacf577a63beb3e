package authkeys

import (
	"fmt"
	"net/url"

	"github.com/go-json-experiment/json"
)

// UnmarshalEntry reads an AuthKey as stores keep it: what json.Marshal makes of it.
func UnmarshalEntry(content []byte) (AuthKey, error) {
	var key AuthKey
	if err := json.Unmarshal(content, &key, json.RejectUnknownMembers(true)); err != nil {
		return AuthKey{}, fmt.Errorf("finding an AuthKey: the entry is not readable: %w", err)
	}
	if err := key.Complete(); err != nil {
		return AuthKey{}, fmt.Errorf("finding an AuthKey: the entry %w", err)
	}
	return key, nil
}

// KeyField is the name under which a store keeps an AuthKey among those of its user, with
// cpu_id and uid escaped as in a query (net/url, QueryEscape).
func KeyField(id ID) string {
	return "key " + url.QueryEscape(id.CPUID) + " " + url.QueryEscape(id.UID)
}

// CounterField is the same of the highest counter that was enrolled for a device.
func CounterField(id ID) string { return "counter " + url.QueryEscape(id.CPUID) }
