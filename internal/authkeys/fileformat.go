package authkeys

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
)

// maxFile bounds a File, in bytes: some 25,000 AuthKeys.
const maxFile = 16 << 20

type fileContent struct {
	AuthKeys []AuthKey `json:"authKeys"`
}

// parseFile reads all of a file or nothing: for a key that is left out, the verdict would
// be that the signature is wrong.
func parseFile(content []byte) (map[ID]AuthKey, error) {
	if len(content) > maxFile {
		return nil, fmt.Errorf("has more than %d bytes", maxFile)
	}
	var c fileContent
	if err := json.Unmarshal(content, &c, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	if c.AuthKeys == nil {
		return nil, errors.New("authKeys is missing")
	}
	keys := make(map[ID]AuthKey, len(c.AuthKeys))
	for i, key := range c.AuthKeys {
		if err := key.Complete(); err != nil {
			return nil, fmt.Errorf("entry %d of authKeys %w", i, err)
		}
		if _, known := keys[key.ID]; known {
			return nil, fmt.Errorf("entry %d of authKeys is duplicated: one before has the same openid, cpu_id and uid", i)
		}
		keys[key.ID] = key
	}
	return keys, nil
}
