package accesstoken

import "time"

// Observer observes a [Cache], for metrics. Its methods return at once, and may be called
// concurrently. They get no token.
type Observer interface {
	// Fetched is called after each request to the endpoint. err says why it returned no
	// usable token; nil if it did.
	Fetched(err error)
	// Holds is called when the Cache may hold another token than before, whether it fetched
	// that or not. fetched is when the endpoint returned the token, zero if that is not
	// known; expires is when its life ends. Both are zero if there is no token.
	Holds(fetched, expires time.Time)
}

// Observe sets the Observer of c. Call it before the first use.
func (c *Cache) Observe(o Observer) { c.observer = o }

// fetched reports the result of a fetch to the Observer.
func (c *Cache) fetched(err error) {
	if c.observer != nil {
		c.observer.Fetched(err)
	}
}

// holds reports the current token to the Observer. The caller holds c.mu.
func (c *Cache) holds() {
	if c.observer != nil {
		c.observer.Holds(c.memory.Current.Fetched, c.memory.Current.Expires)
	}
}
