package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sotercall/internal/dev/gobuild"
)

// building is printed at once: compiling takes long with an empty build cache.
const building = "Building the functions (the first time takes about a minute)…"

// build compiles programs for this computer into a folder of their own.
func build(ctx context.Context, programs []string, p *progress) (folder string, err error) {
	if folder, err = os.MkdirTemp("", "sotercall-"); err != nil {
		return "", err
	}
	p.begin()
	defer p.end()
	target := gobuild.Target{Trial: true}
	for i, name := range programs {
		p.step(fmt.Sprintf("%d of %d", i+1, len(programs)), name)
		if err := target.Programs(ctx, folder, "functions/"+name); err != nil {
			return "", errors.Join(err, os.RemoveAll(folder))
		}
	}
	return folder, nil
}

// progress reports the progress of the build. A nil progress reports nothing.
type progress struct {
	out io.Writer
	// live rewrites one line each second, and removes it in the end: for terminals.
	// Otherwise each step is a line of its own.
	live bool

	begun  time.Time
	steps  chan string
	ceased chan struct{}
}

// newProgress reports on out.
func newProgress(out io.Writer) *progress { return &progress{out: out, live: isTerminal(out)} }

func (p *progress) begin() {
	if p == nil {
		return
	}
	if !p.live {
		fmt.Fprintln(p.out, building)
		return
	}
	fmt.Fprint(p.out, building)
	p.begun, p.steps, p.ceased = time.Now(), make(chan string), make(chan struct{})
	go p.follow()
}

func (p *progress) step(count, name string) {
	switch {
	case p == nil:
	case p.live:
		p.steps <- count
	default:
		fmt.Fprintf(p.out, "  %s: %s\n", count, name)
	}
}

func (p *progress) end() {
	if p == nil || p.steps == nil {
		return
	}
	close(p.steps)
	<-p.ceased
	fmt.Fprint(p.out, "\r\x1b[K")
}

// follow keeps the line of a terminal up to date, until the steps end. It fits into 80
// columns.
func (p *progress) follow() {
	defer close(p.ceased)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for count, more := "", true; more; {
		select {
		case count, more = <-p.steps:
		case <-second.C:
		}
		if more {
			fmt.Fprintf(p.out, "\r\x1b[K%s %s, %d s", building, count, int(time.Since(p.begun).Seconds()))
		}
	}
}
