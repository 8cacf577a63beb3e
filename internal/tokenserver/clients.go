package tokenserver

import (
	"slices"

	"sotercall/internal/secret"
)

// Client may have the tokens of some apps.
type Client struct {
	// Name is for the log; empty if it has none.
	Name string
	// Secrets are those that it may present. Several are in force while they are
	// changed.
	Secrets []secret.Text
	// Apps are the AppIDs that it may have the tokens of; nil for all.
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

// May reports whether the client may have the tokens of an app. It says nothing of
// whether there is such an app.
func (c Client) May(appID string) bool { return c.Apps == nil || slices.Contains(c.Apps, appID) }
