package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// Index maps secrets to values, for lookups with a presented text. It keeps digests under a
// key of its own: a lookup takes one hash, however many secrets there are. The time of a
// lookup reveals nothing about the secrets, except that none has the length of a text that
// is refused for its length. Fill it before its first use; then it is safe for concurrent
// use. The zero Index is not usable; see [NewIndex].
type Index[T any] struct {
	key     [sha256.Size]byte
	values  map[[sha256.Size]byte]T
	longest int
}

// minLongest is the length in bytes up to which every presented text is hashed.
const minLongest = 256

// NewIndex makes an empty Index.
func NewIndex[T any]() *Index[T] {
	i := &Index[T]{values: map[[sha256.Size]byte]T{}, longest: minLongest}
	_, _ = rand.Read(i.key[:]) // never fails (crypto/rand)
	return i
}

// Add adds a secret with its value. The absent secret is ignored. If the secret is there
// already, Add changes nothing and returns its value.
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

// Find returns the value of a presented secret. A text that is longer than every secret is
// refused without hashing.
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
