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

	"sotercall/scripts/local/language"
	"sotercall/scripts/local/texts"
)

// program is how this command is started.
const program = "go run ./scripts/local"

// command is a command of scripts/local. The texts describe it and its flags.
type command struct {
	name      string
	arguments string // behind the flags, such as [event.json]; "" for none
	example   string // what stands behind program
	run       func(ctx context.Context, call invocation) error
}

// commands are all commands. The first is the default.
var commands = []command{
	{"serve", "", "-challenges", serve},
	{"demo", "", "demo -v", demo},
	{"invoke", "[event.json]", "invoke -platform scf deploy/events/direct.json", invoke},
	{"explain", "[event.json]", "explain deploy/events/direct.json", explain},
	{"sign", "", "sign -challenge hello > event.json", sign},
	{"doctor", "", "doctor -env REDIS_URL=redis://127.0.0.1:6379", examine},
}

// helpCommand is beside commands: it explains them.
var helpCommand = command{name: "help", arguments: "[command]", example: "help invoke"}

// invocation is a command as it was called.
type invocation struct {
	streams
	texts.Table
	flags *flag.FlagSet
	args  []string
}

// run runs the command that args name.
func run(ctx context.Context, args []string, std streams) error {
	table := texts.Commands(language.Of(args, os.Getenv))
	args = leadingLanguage(args)
	if len(args) > 0 && slices.Contains([]string{"-h", "-help", "--h", "--help"}, args[0]) {
		args = append([]string{"help"}, args[1:]...)
	}
	switch {
	case len(args) == 0 || strings.HasPrefix(args[0], "-"):
		return commands[0].call(ctx, args, std, table)
	case args[0] == "help":
		return help(args[1:], std.out, table)
	}
	c, err := commandNamed(args[0], table)
	if err != nil {
		return err
	}
	return c.call(ctx, args[1:], std, table)
}

// leadingLanguage moves -lang behind the command where it stands before it.
func leadingLanguage(args []string) []string {
	const name = "-" + language.Flag
	switch {
	case len(args) > 2 && args[0] == name && !strings.HasPrefix(args[2], "-"):
		return slices.Concat(args[2:], args[:2])
	case len(args) > 1 && strings.HasPrefix(args[0], name+"=") && !strings.HasPrefix(args[1], "-"):
		return slices.Concat(args[1:], args[:1])
	}
	return args
}

func commandNamed(name string, table texts.Table) (command, error) {
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == name })
	if i < 0 {
		return command{}, &usageError{table.Say("usage.command", name, program)}
	}
	return commands[i], nil
}

// call runs c. Asked for help, it explains c instead.
func (c command) call(ctx context.Context, args []string, std streams, table texts.Table) error {
	err := c.run(ctx, newInvocation(c.name, args, std, table))
	if asked := (*helpError)(nil); errors.As(err, &asked) {
		c.explain(asked.flags, std.out, table)
		return nil
	}
	return err
}

// newInvocation has the flag that all commands have.
func newInvocation(name string, args []string, std streams, table texts.Table) invocation {
	i := invocation{std, table, flag.NewFlagSet(name, flag.ContinueOnError), args}
	i.flags.SetOutput(io.Discard) // what is wrong with them is in the error
	i.oneOf(language.Flag, language.All, table.Language)
	return i
}

// helpError says that a command was asked for help.
type helpError struct{ flags *flag.FlagSet }

func (e *helpError) Error() string { return flag.ErrHelp.Error() }

// parse reads the flags, which may stand before and behind the arguments, and
// returns the arguments, at most as many as the command takes.
func (i invocation) parse(atMost int) (arguments []string, err error) {
	for rest := i.args; ; {
		if err := i.flags.Parse(rest); err != nil {
			return nil, i.wrong(err)
		}
		if i.flags.NArg() == 0 {
			return arguments, nil
		}
		if len(arguments) == atMost {
			return nil, i.wrong(errors.New(i.Say("usage.argument", i.flags.Arg(0))))
		}
		arguments, rest = append(arguments, i.flags.Arg(0)), i.flags.Args()[1:]
	}
}

// help prints all commands, or explains one.
func help(args []string, out io.Writer, table texts.Table) error {
	names, err := newInvocation(helpCommand.name, args, streams{out: out}, table).parse(1)
	asked := (*helpError)(nil)
	switch {
	case err != nil && !errors.As(err, &asked):
		return err
	case len(names) == 0 || names[0] == helpCommand.name:
		fmt.Fprintf(out, "%s\n\n%s\n\n", table.Say("help.intro"), table.Say("help.usage", program))
		for _, c := range append(slices.Clone(commands), helpCommand) {
			fmt.Fprintf(out, "  %-8s %s\n      %s %s\n", c.name, table.Say("about."+c.name), program, c.example)
		}
		return nil
	}
	c, err := commandNamed(names[0], table)
	if err != nil {
		return err
	}
	return c.call(context.Background(), []string{"-h"}, streams{out: out}, table)
}

// explain prints what c does, an example and its flags.
func (c command) explain(flags *flag.FlagSet, out io.Writer, table texts.Table) {
	usage := strings.Join(strings.Fields(program+" "+c.name+" "+table.Say("help.flags")+" "+c.arguments), " ")
	fmt.Fprintln(out, table.Say("help.title", c.name, table.Say("about."+c.name)))
	fmt.Fprintf(out, "\n%s\n", table.Say("help.command.usage", usage))
	fmt.Fprintf(out, "%s\n\n", table.Say("help.command.example", program+" "+c.example))
	flags.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.Name != language.Flag {
			usage += table.Say("help.default", f.DefValue)
		}
		fmt.Fprintf(out, "  %s\n        %s\n", strings.TrimRight("-"+f.Name+" "+value, " "), usage)
	})
}
