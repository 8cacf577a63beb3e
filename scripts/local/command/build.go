package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sotercall/internal/dev/gobuild"
	"sotercall/scripts/local/texts"
)

// build compiles programs for this computer into a folder of their own.
func build(ctx context.Context, programs []string, p *progress) (folder string, err error) {
	if folder, err = os.MkdirTemp("", "sotercall-"); err != nil {
		return "", err
	}
	p.begin()
	defer p.end()
	target := gobuild.Target{Trial: true}
	for i, name := range programs {
		p.step(i+1, len(programs), name)
		if err := target.Programs(ctx, folder, "functions/"+name); err != nil {
			return "", errors.Join(err, os.RemoveAll(folder))
		}
	}
	return folder, nil
}

// progress prints how many functions are built. A nil progress prints nothing.
type progress struct {
	texts.Table
	out io.Writer
	// live rewrites one line each second, and removes it in the end: for terminals.
	// Otherwise each step is a line of its own.
	live bool

	begun  time.Time
	steps  chan string
	ceased chan struct{}
}

// newProgress tells on out.
func newProgress(out io.Writer, table texts.Table) *progress {
	return &progress{Table: table, out: out, live: isTerminal(out)}
}

func (p *progress) begin() {
	if p == nil {
		return
	}
	if !p.live {
		fmt.Fprintln(p.out, p.Say("build.begin"))
		return
	}
	fmt.Fprint(p.out, p.Say("build.begin"))
	p.begun, p.steps, p.ceased = time.Now(), make(chan string), make(chan struct{})
	go p.follow()
}

func (p *progress) step(step, of int, name string) {
	switch {
	case p == nil:
	case p.live:
		p.steps <- p.Say("build.step", step, of)
	default:
		fmt.Fprintf(p.out, "  %s: %s\n", p.Say("build.step", step, of), name)
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

// follow keeps the line of a terminal up to date, until the steps end. It fits into
// 80 columns.
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
			seconds := p.Say("build.seconds", int(time.Since(p.begun).Seconds()))
			fmt.Fprintf(p.out, "\r\x1b[K%s %s, %s", p.Say("build.begin"), count, seconds)
		}
	}
}
