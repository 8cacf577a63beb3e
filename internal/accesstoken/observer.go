package accesstoken

import "time"

// Observer is told what a [Cache] does, for metrics. Its methods return at once, and may be
// called concurrently. They are told no token.
type Observer interface {
	// Fetched is called when the endpoint has been asked. err says why it gave no token that
	// can be used; nil if it did.
	Fetched(err error)
	// Holds is called when the Cache may hold another token than before, whoever has fetched
	// it: with when the endpoint gave it, zero if that is not known, and with when its life
	// ends. Both are zero if there is no token.
	Holds(fetched, expires time.Time)
}

// Observe makes c tell o what it does. Call it before the first use.
func (c *Cache) Observe(o Observer) { c.observer = o }

// fetched tells the Observer how a fetch has ended.
func (c *Cache) fetched(err error) {
	if c.observer != nil {
		c.observer.Fetched(err)
	}
}

// holds tells the Observer of the current token. c.mu is held.
func (c *Cache) holds() {
	if c.observer != nil {
		c.observer.Holds(c.memory.Current.Fetched, c.memory.Current.Expires)
	}
}
