package authkeys

import (
	"sync"

	"sotercall/internal/soter"
)

// maxParsed bounds the memory of parsedKeys, at about 2 KiB for each key.
const maxParsed = 1024

// parsedKeys caches parsed public keys; parsing takes a tenth of the time of a
// verification. A text always parses to the same key, so no entry grows stale: an AuthKey
// enrolled anew has another text. The zero value is ready.
type parsedKeys struct {
	mu     sync.RWMutex
	byText map[string]*soter.PublicKey
}

func (p *parsedKeys) parse(text string) (*soter.PublicKey, error) {
	p.mu.RLock()
	key := p.byText[text]
	p.mu.RUnlock()
	if key != nil {
		return key, nil
	}
	key, err := soter.ParsePublicKey([]byte(text))
	if err != nil {
		return nil, err
	}
	p.remember(text, key)
	return key, nil
}

func (p *parsedKeys) remember(text string, key *soter.PublicKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byText == nil {
		p.byText = make(map[string]*soter.PublicKey)
	}
	if len(p.byText) >= maxParsed {
		for another := range p.byText { // a random one is good enough
			delete(p.byText, another)
			break
		}
	}
	p.byText[text] = key
}
