package challenge

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// filled holds so many marks, one of which ends in each second from now on.
func add(m *marks, id string, until, now time.Time) error {
	return m.add(Use{Challenge: id, Keep: until.Sub(now), Nonce: "nonce"}, now)
}

func filled(t testing.TB, count int, now time.Time) *marks {
	t.Helper()
	m := new(marks)
	for n := range count {
		require.NoError(t, add(m, "mark "+strconv.Itoa(n), now.Add(time.Duration(n+1)*time.Second), now))
	}
	return m
}

// work returns the most comparisons that one of many calls makes.
func work(calls int, m *marks, call func(n int)) (most int) {
	for n := range calls {
		before := m.byEnd.compared
		call(n)
		most = max(most, m.byEnd.compared-before)
	}
	return most
}

// TestACallIsCheapHoweverManyMarksThereAre counts work, not time.
func TestACallIsCheapHoweverManyMarksThereAre(t *testing.T) {
	begin := time.Unix(1_700_000_000, 0)
	// Two marks go and one comes, each by one way through a heap of 2^16: two
	// comparisons in each storey down, one up.
	const bound = 2*2*16 + 16
	for _, count := range []int{1, 1000, maxMarks} {
		m := filled(t, count, begin)
		now := begin
		assert.LessOrEqual(t, work(1000, m, func(n int) {
			if err := add(m, "refused "+strconv.Itoa(n), now.Add(time.Hour), now); count == maxMarks {
				require.ErrorIs(t, err, ErrFull)
			}
		}), bound, "%d marks, none of which has ended", count)

		assert.LessOrEqual(t, work(1000, m, func(n int) {
			now = now.Add(time.Second)
			require.NoError(t, add(m, "next "+strconv.Itoa(n), now.Add(time.Duration(n*7919%maxMarks)*time.Second), now))
		}), bound, "%d marks, one of which ends before each call", count)

		now = now.Add(1000 * time.Hour)
		assert.LessOrEqual(t, work(maxMarks+2000, m, func(n int) {
			require.NoError(t, add(m, "late "+strconv.Itoa(n), now.Add(time.Hour), now.Add(time.Duration(n)*time.Second)))
		}), bound, "%d marks, all of which have ended", count)
	}
	m := filled(t, maxMarks, begin)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = add(m, "refused", begin.Add(time.Hour), begin) }), "refusing costs nothing")
}

// TestMarksAreWhatANaiveMapIs compares with a map that is searched as a whole. The
// marks are nearly full from the start, so that some are refused.
func TestMarksAreWhatANaiveMapIs(t *testing.T) {
	const room = 6
	now := time.Unix(1_700_000_000, 0)
	m := new(marks)
	for n := range maxMarks - room {
		require.NoError(t, add(m, fmt.Sprint("always ", n), now.AddDate(100, 0, 0), now))
	}
	rapid.Check(t, func(t *rapid.T) {
		now = now.Add(time.Hour) // those of the case before have ended
		naive := map[string]time.Time{}
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(1, 30).Draw(t, "seconds")) * time.Second) },
			"consume": func(t *rapid.T) {
				id := rapid.StringMatching(`[a-j]`).Draw(t, "id")
				until := now.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "keep")) * time.Second)
				living := 0
				for _, end := range naive {
					if now.Before(end) {
						living++
					}
				}
				known := now.Before(naive[id])
				require.Equal(t, known, m.find(id, now) != nil)
				if known {
					return
				}
				if living == room {
					require.ErrorIs(t, add(m, id, until, now), ErrFull)
					return
				}
				require.NoError(t, add(m, id, until, now))
				naive[id] = until
			},
			"": func(t *rapid.T) {
				require.Len(t, m.byID, m.byEnd.Len())
				require.LessOrEqual(t, len(m.byID), maxMarks)
				for id, end := range naive {
					require.Equal(t, now.Before(end), m.find(id, now) != nil, "no mark that counts is forgotten: %s", id)
				}
			},
		})
	})
	require.NotNil(t, m.find("always 0", now))
	require.NotNil(t, m.find(fmt.Sprint("always ", maxMarks-room-1), now))
}

// BenchmarkMemory tells what a call costs in a ledger that is full, as a ratio to
// one that is empty.
func BenchmarkMemory(b *testing.B) {
	begin := time.Unix(1_700_000_000, 0)
	consume := func(b *testing.B, ledger *Memory, n int, want error) {
		_, err := ledger.Consume(b.Context(), Use{Challenge: strconv.Itoa(n), Keep: maxMarks * time.Second, Nonce: "nonce"})
		require.ErrorIs(b, err, want)
	}
	var empty float64
	for _, c := range []struct {
		name  string
		count int
		want  error
		step  time.Duration
	}{
		{"empty", 0, nil, maxMarks * time.Second},
		{"full, one ends before each call", maxMarks, nil, time.Second},
		{"full, all are refused", maxMarks, ErrFull, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			now := begin
			ledger := &Memory{Now: func() time.Time { return now }, marks: *filled(b, c.count, begin)}
			for n := 0; b.Loop(); n++ {
				now = now.Add(c.step)
				consume(b, ledger, n, c.want)
			}
			perCall := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			if c.count == 0 {
				empty = perCall
			}
			b.ReportMetric(perCall/empty, "times-empty")
		})
	}
}
