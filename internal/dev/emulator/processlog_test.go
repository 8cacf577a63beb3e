package emulator

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writes records each Write of a Function.Log.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestProcessLogWritesWholeLines(t *testing.T) {
	for name, test := range map[string]struct {
		printed string
		want    writes
	}{
		"lines":          {"a\nb\n", writes{"a\n", "b\n"}},
		"empty lines":    {"\n\n", writes{"\n", "\n"}},
		"unfinished end": {"a\nb", writes{"a\n", "b\n"}},
		"nothing":        {"", nil},
		"very long":      {strings.Repeat("x", maxLogLine+1) + "\n", writes{strings.Repeat("x", maxLogLine) + "\n", "x\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got writes
			l := newProcessLog(&got, io.Discard)
			l.copy(strings.NewReader(test.printed))
			assert.Equal(t, test.want, got)
		})
	}
}

func TestProcessLogMarksLeaveNoTrace(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	var got writes
	l := newProcessLog(&got, write)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.copy(read)
	}()

	_, err = write.WriteString("one\nhalf of ")
	require.NoError(t, err)
	l.sync()
	assert.Equal(t, "one\n", string(l.since(0)), "all whole lines so far")
	position := l.position()
	_, err = write.WriteString("two\n")
	require.NoError(t, err)
	l.sync()
	l.sync()
	assert.Equal(t, "half of two\n", string(l.since(position)))

	require.NoError(t, write.Close())
	<-done
	require.NoError(t, read.Close())
	l.sync() // returns although nobody reads any more
	assert.Equal(t, writes{"one\n", "half of two\n"}, got)
}
