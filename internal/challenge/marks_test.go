package challenge

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// full returns marks without room, one of which ends in each second after now.
func full(t *testing.T, now time.Time) *marks {
	t.Helper()
	m := new(marks)
	for n := range maxMarks {
		require.NoError(t, m.add(Use{Challenge: strconv.Itoa(n), Keep: time.Duration(n+1) * time.Second, Nonce: "nonce"}, now))
	}
	return m
}

func TestFullMarksMakeRoomOnceASecond(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := full(t, now)
	add := func(id string, at time.Time) error {
		return m.add(Use{Challenge: id, Keep: time.Hour, Nonce: "nonce"}, at)
	}
	assert.ErrorIs(t, add("none has ended", now.Add(time.Second/2)), ErrFull)
	assert.ErrorIs(t, add("one has ended, and the last look was a moment ago", now.Add(time.Second)), ErrFull)
	assert.NoError(t, add("it is time to look", now.Add(3*time.Second/2)))
	assert.ErrorIs(t, add("one more", now.Add(3*time.Second/2)), ErrFull)
	assert.Len(t, m.byID, maxMarks)

	assert.NoError(t, add("minutes later", now.Add(10*time.Minute)))
	assert.Len(t, m.byID, maxMarks-599+1, "all that had ended are gone")
}

func TestFullMarksAfterTheClockWasSetBack(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := full(t, now)
	m.swept = now.Add(time.Hour)
	assert.NoError(t, m.add(Use{Challenge: "next", Keep: time.Hour, Nonce: "nonce"}, now.Add(time.Minute)))
}

func TestMarkThatHasEndedIsReplaced(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := full(t, now)
	m.swept = now.Add(time.Second) // it was just swept
	_, found := m.find("0", now.Add(time.Second))
	require.False(t, found)
	require.NoError(t, m.add(Use{Challenge: "0", Keep: time.Hour, Nonce: "another"}, now.Add(time.Second)), "it needs no room")
	known, found := m.find("0", now.Add(time.Minute))
	assert.True(t, found)
	assert.Equal(t, "another", known.nonce)
}
