package main

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// journal forwards the functions' log, and keeps the newest lines, so that a response is
// shown together with its line.
type journal struct {
	out io.Writer

	mu      sync.Mutex
	newest  []logLine     // guarded by mu; oldest first
	arrived chan struct{} // guarded by mu; closed when the next line arrives
}

// logLine is the line of one invocation.
type logLine struct {
	requestID string
	text      []byte
}

const (
	keptLines = 256
	// lineWait is how long a line may follow its response: a server on a port logs after it
	// has responded.
	lineWait = 2 * time.Second
)

func newJournal(out io.Writer) *journal {
	if out == nil {
		out = io.Discard
	}
	return &journal{out: out, arrived: make(chan struct{})}
}

// Write implements io.Writer for whole lines.
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var invocation struct {
		Message   string `json:"msg"`
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal(line, &invocation); err == nil && invocation.Message == "invocation" {
		j.newest = append(j.newest, logLine{invocation.RequestID, bytes.TrimSpace(bytes.Clone(line))})
		if len(j.newest) > keptLines {
			j.newest = j.newest[1:]
		}
		close(j.arrived)
		j.arrived = make(chan struct{})
	}
	return j.out.Write(line)
}

// line returns the line of an invocation. It waits for it a little, and returns nil if
// there is none.
func (j *journal) line(ctx context.Context, requestID string) []byte {
	timeout := time.After(lineWait)
	for {
		text, arrived := j.find(requestID)
		if text != nil {
			return text
		}
		select {
		case <-arrived:
		case <-timeout:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func (j *journal) find(requestID string) (text []byte, arrived <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.newest {
		if l.requestID == requestID {
			return l.text, nil
		}
	}
	return nil, j.arrived
}
