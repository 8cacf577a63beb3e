package journal_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/journal"
)

// attrs are the fields of e's line.
func attrs(e *journal.Entry) []slog.Attr {
	var all []slog.Attr
	e.Record(time.Now(), slog.LevelInfo, "m").Attrs(func(a slog.Attr) bool {
		all = append(all, a)
		return true
	})
	return all
}

func TestEntryCollects(t *testing.T) {
	ctx, entry := journal.New(t.Context())
	journal.From(ctx).Set("door", "direct")
	journal.From(ctx).Set("door", "alb")
	journal.From(ctx).Count("attempts", 1)
	journal.From(ctx).Count("attempts", 1)
	journal.From(ctx).Spend("upstream_ms", 1500*time.Microsecond)
	journal.From(ctx).Spend("upstream_ms", time.Millisecond)
	assert.Equal(t, []slog.Attr{
		slog.String("door", "alb"), slog.Int("attempts", 2), slog.Float64("upstream_ms", 2.5),
	}, attrs(entry))
}

func TestWithoutEntryNothingHappens(t *testing.T) {
	entry := journal.From(context.Background())
	entry.Set("a", 1)
	entry.Count("b", 1)
	entry.Spend("c", time.Second)
	assert.Nil(t, attrs(entry))
}

func TestConcurrentUse(t *testing.T) {
	_, entry := journal.New(t.Context())
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { entry.Count("n", 1); attrs(entry) })
	}
	wg.Wait()
	assert.Equal(t, []slog.Attr{slog.Int("n", 50)}, attrs(entry))
}
