package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// environment collects -env NAME=VALUE.
type environment map[string]string

func (e environment) String() string { return "" }

func (e environment) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("want NAME=VALUE")
	}
	e[name] = value
	return nil
}

// oneOf is a flag with a fixed set of values.
type oneOf struct {
	value string
	all   []string
}

func (o *oneOf) String() string { return o.value }

func (o *oneOf) Set(text string) error {
	if !slices.Contains(o.all, text) {
		return fmt.Errorf("there is %s", strings.Join(o.all, ", "))
	}
	o.value = text
	return nil
}

// oneOfFlag adds a flag with one of the values in all, the first by default.
func oneOfFlag(flags *flag.FlagSet, name, usage string, all []string) *string {
	o := &oneOf{all[0], all}
	flags.Var(o, name, usage+": "+strings.Join(all, ", "))
	return &o.value
}

// invoke runs one event.
func invoke(ctx context.Context, i invocation) (err error) {
	platform := oneOfFlag(i.flags, "platform", "`where` the function runs", platformNames())
	function := oneOfFlag(i.flags, "function", "`which` function", []string{"verify", "challenge", "token"})
	file := i.flags.String("e", "", "`file` of the event; - or nothing for standard input")
	timeout := i.flags.Duration("timeout", 10*time.Second, "of the invocation")
	added := environment{}
	i.flags.Var(added, "env", "`NAME=VALUE` that the platform sends with this invocation, such as WX_OPENID=…; may be repeated")
	challenges := challengesFlag(i.flags)
	phones := phonesFlag(i.flags)
	files, err := i.parse(1)
	switch {
	case err != nil:
		return err
	case len(files) > 0 && *file != "":
		return i.wrong(errors.New("one event, either by -e or without"))
	case len(files) > 0:
		*file = files[0]
	}
	event, err := i.event(*file)
	if err != nil {
		return err
	}
	folder, err := phonesFolder(ctx, *phones)
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

// event reads a command's event.
func (i invocation) event(file string) ([]byte, error) {
	if file != "" && file != "-" {
		return os.ReadFile(file)
	}
	if isTerminal(i.in) {
		fmt.Fprintln(i.err, "Reading the event from standard input, to its end (Ctrl-D)…")
	}
	return io.ReadAll(i.in)
}
