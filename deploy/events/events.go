// Package events embeds the events of this folder, for tests.
package events

import (
	"embed"
	"fmt"

	"github.com/go-json-experiment/json"
)

// Files are the events, by the names in README.md.
//
//go:embed *.json
var Files embed.FS

// Request has the three strings of an event.
type Request struct {
	OpenID        string `json:"openid"`
	JSONString    string `json:"jsonString"`
	JSONSignature string `json:"jsonSignature"`
}

// Direct returns direct.json, which the sandbox's demo user has signed. The other events
// have the same strings.
func Direct() Request {
	text, err := Files.ReadFile("direct.json")
	if err != nil {
		panic(err) // it is embedded
	}
	var r Request
	if err := json.Unmarshal(text, &r, json.RejectUnknownMembers(true)); err != nil {
		panic(fmt.Sprintf("direct.json: %v", err))
	}
	return r
}
