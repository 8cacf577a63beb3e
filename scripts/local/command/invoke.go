package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// invoke runs one event.
func invoke(ctx context.Context, i invocation) (err error) {
	platform := i.oneOf("platform", platformNames(), platforms[0].name)
	function := i.oneOf("function", []string{"verify", "challenge", "token"}, "verify")
	file := i.text("e", "")
	timeout := i.duration("timeout", 10*time.Second)
	added := i.environment("env")
	challenges := i.boolean("challenges")
	phones := i.text("phones", "")
	files, err := i.parse(1)
	switch {
	case err != nil:
		return err
	case len(files) > 0 && *file != "":
		return i.wrong(errors.New(i.Say("usage.event")))
	case len(files) > 0:
		*file = files[0]
	}
	event, err := i.event(*file)
	if err != nil {
		return err
	}
	folder, err := i.phonesFolder(ctx, *phones)
	if err != nil {
		return err
	}
	w, err := open(ctx, settings{
		addr: "127.0.0.1:0", phones: folder, log: i.err, timeout: *timeout, challenges: *challenges,
		platforms: []string{*platform}, functions: []string{"token", *function},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	got, err := w.call(ctx, call{*platform, *function, event, added})
	if err != nil {
		return err
	}
	fmt.Fprintf(i.out, "%s\n", harmlessJSON(got.answer))
	if got.failed {
		return errFailed
	}
	return nil
}

// event reads the event that a command is given.
func (i invocation) event(file string) ([]byte, error) {
	if file != "" && file != "-" {
		return os.ReadFile(file)
	}
	if isTerminal(i.in) {
		fmt.Fprintln(i.err, i.Say("input.waiting"))
	}
	return io.ReadAll(i.in)
}
