package journal_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/journal"
)

// valve is a writer that waits while it is shut, and fails while err is set.
type valve struct {
	shut sync.RWMutex
	mu   sync.Mutex
	got  bytes.Buffer
	err  error
}

func (v *valve) Write(p []byte) (int, error) {
	v.shut.RLock()
	defer v.shut.RUnlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err != nil {
		return 0, v.err
	}
	return v.got.Write(p)
}

func (v *valve) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.got.String()
}

const long = time.Minute // never waited for

func TestQueueWritesLinesInTheirOrder(t *testing.T) {
	v := new(valve)
	q := journal.NewQueue(v)
	var want strings.Builder
	line := make([]byte, 0, 16)
	for i := range 5_000 {
		line = fmt.Appendf(line[:0], "line %d\n", i) // whoever writes uses its buffer again
		want.Write(line)
		n, err := q.Write(line)
		require.NoError(t, err)
		require.Len(t, line, n)
	}
	q.Flush(long)
	assert.Equal(t, want.String(), v.String())
	assert.Zero(t, q.Dropped())
	q.Flush(long) // nothing to wait for
}

func TestQueueDropsAndCountsWhatHasNoRoom(t *testing.T) {
	v := new(valve)
	v.shut.Lock()
	q := journal.NewQueue(v)
	line := []byte(strings.Repeat("x", 1023) + "\n")
	for range 3_000 {
		_, err := q.Write(line)
		require.NoError(t, err)
	}
	assert.Equal(t, 3_000-1024, q.Dropped(), "1 MiB waits")
	q.Flush(time.Millisecond)
	q.Flush(long) // it was in vain before: it does not wait
	v.shut.Unlock()
	for q.Flush(long); v.String() == "" || strings.Count(v.String(), "\n") < 1024; q.Flush(long) {
		time.Sleep(time.Millisecond) // until the first line is through
	}
	_, _ = q.Write([]byte("last\n"))
	q.Flush(long)
	assert.Equal(t, strings.Repeat(string(line), 1024)+"last\n", v.String())
	assert.Equal(t, 3_000-1024, q.Dropped())
}

func TestQueueCountsWhatCannotBeWritten(t *testing.T) {
	v := &valve{err: syscall.EPIPE}
	q := journal.NewQueue(v)
	for range 10 {
		_, err := io.WriteString(q, "line\n")
		require.NoError(t, err)
	}
	q.Flush(long)
	assert.Equal(t, 10, q.Dropped())
	v.mu.Lock()
	v.err = nil
	v.mu.Unlock()
	_, _ = io.WriteString(q, "line\n")
	q.Flush(long)
	assert.Equal(t, "line\n", v.String())
}

func TestQueueConcurrently(t *testing.T) {
	v := new(valve)
	q := journal.NewQueue(v)
	log := slog.New(journal.NewHandler(q, slog.LevelInfo))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 50 {
				log.Info("m", "text", "签名")
				q.Flush(long)
				q.Dropped()
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 1000, strings.Count(v.String(), `"msg":"m"`))
	var none *journal.Queue
	none.Flush(long)
	assert.Zero(t, none.Dropped())
}
