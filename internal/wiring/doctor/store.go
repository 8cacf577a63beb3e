package doctor

import "context"

// store tries the store.
func (e *examination) store(ctx context.Context) {
	if e.Store == nil {
		return
	}
	s := e.Store
	if s.Connect != nil {
		// what Connect finds is in Hopeless, or each use says it
		_, _ = step(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.Connect(ctx) })
	}
	if e.hopeless() {
		return
	}
	for _, use := range s.Uses {
		name := s.Variable + ": " + use.Name
		_, err := step(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, use.Try(ctx) })
		switch {
		case err == nil:
			e.ok(name, "works")
		case e.hopeless(): // the store has said why
			return
		default:
			e.fail(name, err.Error(), "let the function reach the store (VPC, subnet, security "+
				"group, port), and give it the rights of docs/stores.md and docs/configuration.md")
		}
	}
	e.eviction(ctx)
}

// hopeless adds a line if the store can never work as it is configured.
func (e *examination) hopeless() bool {
	if e.Store.Hopeless == nil {
		return false
	}
	err := e.Store.Hopeless()
	if err != nil {
		e.fail(e.Store.Variable, err.Error(), "docs/stores.md says what to do about each of "+
			"these, under \"/healthz says\"")
	}
	return err != nil
}

// eviction finds out whether the server may evict data that must be kept.
func (e *examination) eviction(ctx context.Context) {
	if e.Store.EvictionPolicy == nil {
		return
	}
	const setting = "set maxmemory-policy to noeviction, in the parameter group or console of a " +
		"managed server"
	name := e.Store.Variable + ": maxmemory-policy"
	policy, err := step(ctx, e.Store.EvictionPolicy)
	switch {
	case err != nil || policy == "":
		e.skip(name, "the server does not tell it", "look it up, and "+setting)
	case policy == "noeviction":
		e.ok(name, policy)
	default:
		e.fail(name, policy+": a server whose memory is full forgets which challenges were "+
			"consumed", setting)
	}
}
