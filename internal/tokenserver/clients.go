package tokenserver

import (
	"slices"

	"sotercall/internal/secret"
)

// Client is a client of the token function, with the right to the tokens of some apps.
type Client struct {
	// Name is for the log; empty if it has none.
	Name string
	// Secrets are the client's secrets. While they are rotated there are several.
	Secrets []secret.Text
	// Apps are the AppIDs whose tokens it may fetch; nil for all.
	Apps []string
}

// clientsBySecret returns an index of the clients by their secrets.
func clientsBySecret(clients []Client) *secret.Index[*Client] {
	index := secret.NewIndex[*Client]()
	for i := range clients {
		for _, s := range clients[i].Secrets {
			index.Add(s, &clients[i])
		}
	}
	return index
}

// May reports whether the client may fetch the tokens of an app. The app need not exist.
func (c Client) May(appID string) bool { return c.Apps == nil || slices.Contains(c.Apps, appID) }
