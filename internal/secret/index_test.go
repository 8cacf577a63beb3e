package secret_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/secret"
)

func TestIndex(t *testing.T) {
	index := secret.NewIndex[int]()
	long := strings.Repeat("l", 3000)
	for n, text := range []string{"first", "second", long} {
		_, found := index.Add(secret.New(text), n+1)
		assert.False(t, found)
	}
	before, found := index.Add(secret.New("second"), 9)
	assert.True(t, found)
	assert.Equal(t, 2, before)
	_, found = index.Add(secret.Text{}, 9)
	assert.False(t, found)
	assert.Equal(t, 3, index.Len())

	for text, want := range map[string]int{
		"first": 1, "second": 2, long: 3,
		"": 0, "First": 0, "first ": 0, long[1:]: 0, long + "l": 0, "third": 0,
	} {
		value, found := index.Find(text)
		assert.Equal(t, want, value, "%.20q", text)
		assert.Equal(t, want > 0, found, "%.20q", text)
	}
}

// What is presented is hashed once, whether one secret is known or a thousand, and not
// at all if it is longer than all of them.
func TestAGuessCostsTheSameAmongMany(t *testing.T) {
	cost := func(secrets, length int) float64 {
		index := secret.NewIndex[int]()
		for n := range secrets {
			index.Add(secret.New(fmt.Sprintf("%032d", n)), n)
		}
		guess := strings.Repeat("g", length)
		return testing.AllocsPerRun(10, func() { index.Find(guess) })
	}
	assert.Equal(t, cost(1, 40), cost(1000, 40))
	assert.Zero(t, cost(1000, 7500), "refused for its length")
}

func BenchmarkFindAmongAThousand(b *testing.B) {
	index := secret.NewIndex[int]()
	for n := range 1000 {
		index.Add(secret.New(fmt.Sprintf("%032d", n)), n)
	}
	for _, length := range []int{32, 256, 7500} {
		guess := strings.Repeat("g", length)
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			for b.Loop() {
				index.Find(guess)
			}
		})
	}
}
