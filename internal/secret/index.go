package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// Index finds what belongs to a secret that somebody presents. It keeps digests under a
// key of its own: finding takes one hash, however many secrets there are, and how long it
// takes says nothing of them but that none is longer than what is refused for its length.
// It is filled before the first use, and may then be used concurrently. The zero Index is
// not usable; see [NewIndex].
type Index[T any] struct {
	key     [sha256.Size]byte
	values  map[[sha256.Size]byte]T
	longest int
}

// minLongest is the length in bytes up to which everything that is presented is hashed.
const minLongest = 256

// NewIndex makes an empty Index.
func NewIndex[T any]() *Index[T] {
	i := &Index[T]{values: map[[sha256.Size]byte]T{}, longest: minLongest}
	_, _ = rand.Read(i.key[:]) // never fails (crypto/rand)
	return i
}

// Add puts a secret in. The absent secret belongs to nothing. If the secret is there
// already, Add changes nothing and returns what it belongs to.
func (i *Index[T]) Add(s Text, value T) (before T, found bool) {
	if s.IsZero() {
		return before, false
	}
	text := s.Reveal()
	i.longest = max(i.longest, len(text))
	digest := i.digest(text)
	if before, found = i.values[digest]; !found {
		i.values[digest] = value
	}
	return before, found
}

// Find returns what belongs to a secret that somebody presents. A text that is longer
// than every secret is refused without a look.
func (i *Index[T]) Find(presented string) (value T, found bool) {
	if len(presented) > i.longest || presented == "" {
		return value, false
	}
	value, found = i.values[i.digest(presented)]
	return value, found
}

// Len returns how many secrets there are.
func (i *Index[T]) Len() int { return len(i.values) }

func (i *Index[T]) digest(text string) (d [sha256.Size]byte) {
	h := hmac.New(sha256.New, i.key[:])
	_, _ = h.Write([]byte(text))
	h.Sum(d[:0])
	return d
}
