package authkeys

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxFile is the most bytes a File may have, some 25,000 AuthKeys.
const maxFile = 16 << 20

type fileContent struct {
	AuthKeys []AuthKey `json:"authKeys"`
}

// parseFile reads all of a file or nothing: whoever has a key that is left out
// would be told that the signature is wrong.
func parseFile(content []byte) (map[ID]AuthKey, error) {
	if len(content) > maxFile {
		return nil, fmt.Errorf("has more than %d bytes", maxFile)
	}
	var c fileContent
	if err := json.Unmarshal(content, &c, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	if c.AuthKeys == nil {
		return nil, fmt.Errorf("authKeys is missing")
	}
	keys := make(map[ID]AuthKey, len(c.AuthKeys))
	for i, key := range c.AuthKeys {
		if err := key.complete(); err != nil {
			return nil, fmt.Errorf("entry %d of authKeys %w", i, err)
		}
		if _, twice := keys[key.ID]; twice {
			return nil, fmt.Errorf("entry %d of authKeys has the openid, cpu_id and uid of one before", i)
		}
		keys[key.ID] = key
	}
	return keys, nil
}

// formatFile writes what parseFile reads, sorted, so that a new entry is a small
// difference.
func formatFile(keys map[ID]AuthKey) ([]byte, error) {
	c := fileContent{AuthKeys: slices.SortedFunc(maps.Values(keys), func(a, b AuthKey) int {
		return cmp.Or(cmp.Compare(a.OpenID, b.OpenID), cmp.Compare(a.CPUID, b.CPUID), cmp.Compare(a.UID, b.UID))
	})}
	content, err := json.Marshal(c, jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("encoding the AuthKeys: %w", err)
	}
	if len(content) >= maxFile {
		return nil, fmt.Errorf("the file of the AuthKeys would have more than %d bytes: use Redis", maxFile)
	}
	return append(content, '\n'), nil
}
