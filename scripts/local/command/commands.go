package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// program is the command line of this command.
const program = "go run ./scripts/local"

// command is one thing that local does.
type command struct {
	name      string
	arguments string // after the flags, such as [event.json]; "" for none
	about     string // in one line
	example   string // the text after program
	run       func(ctx context.Context, call invocation) error
}

// commands are all commands. The first one is the default.
var commands = []command{
	{"serve", "", "everything on 127.0.0.1:9000 until Ctrl-C; also without a command", "-challenges", serve},
	{"demo", "", "a fingerprint verified on each platform, and what is refused", "demo -v", demo},
	{"invoke", "[event.json]", "one event: the answer on stdout, the log on stderr", "invoke -platform scf deploy/events/direct.json", invoke},
	{"explain", "[event.json]", "what an event is, who has signed it, and what is wrong with it", "explain deploy/events/direct.json", explain},
	{"sign", "", "an event that a phone has signed", "sign -challenge hello > event.json", sign},
	{"doctor", "", "tries your variables against WeChat, the token server and the store", "doctor -env REDIS_URL=redis://127.0.0.1:6379", examine},
}

// invocation is a command with its arguments.
type invocation struct {
	streams
	flags *flag.FlagSet
	args  []string
}

// run runs the command that args name.
func run(ctx context.Context, args []string, std streams) error {
	if len(args) > 0 && slices.Contains([]string{"-h", "-help", "--h", "--help"}, args[0]) {
		args = append([]string{"help"}, args[1:]...)
	}
	switch {
	case len(args) == 0 || strings.HasPrefix(args[0], "-"):
		return commands[0].call(ctx, args, std)
	case args[0] == "help":
		return help(args[1:], std.out)
	}
	c, err := commandNamed(args[0])
	if err != nil {
		return err
	}
	return c.call(ctx, args[1:], std)
}

func commandNamed(name string) (command, error) {
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == name })
	if i < 0 {
		return command{}, &usageError{fmt.Sprintf("there is no command %q: see %s help", name, program)}
	}
	return commands[i], nil
}

// call runs c. With a flag for help, it explains c instead.
func (c command) call(ctx context.Context, args []string, std streams) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error has the mistakes
	err := c.run(ctx, invocation{std, flags, args})
	if errors.Is(err, flag.ErrHelp) {
		c.explain(flags, std.out)
		return nil
	}
	return err
}

// parse reads the flags, which may stand before and after the arguments, and returns the
// arguments, at most as many as the command takes.
func (i invocation) parse(atMost int) (arguments []string, err error) {
	for rest := i.args; ; {
		if err := i.flags.Parse(rest); err != nil {
			return nil, i.wrong(err)
		}
		if i.flags.NArg() == 0 {
			return arguments, nil
		}
		if len(arguments) == atMost {
			return nil, i.wrong(fmt.Errorf("unexpected argument %q", i.flags.Arg(0)))
		}
		arguments, rest = append(arguments, i.flags.Arg(0)), i.flags.Args()[1:]
	}
}

// wrong returns a usage error with a pointer to the help.
func (i invocation) wrong(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return &usageError{fmt.Sprintf("%s: %v: see %s %s -h", i.flags.Name(), err, program, i.flags.Name())}
}

// help prints all commands, or explains one.
func help(args []string, out io.Writer) error {
	switch len(args) {
	case 0:
		fmt.Fprintf(out, `Everything on this computer: the functions, as AWS Lambda, Tencent SCF and
WeChat Cloud Hosting run them; WeChat; and phones that sign.
No account is needed.

usage: %s [command] [flags]

`, program)
		for _, c := range commands {
			fmt.Fprintf(out, "  %-8s %s\n      %s %s\n", c.name, c.about, program, c.example)
		}
		fmt.Fprintf(out, "  %-8s %s\n      %s %s\n", "help", "this text, or what a command's flags are", program, "help invoke")
		return nil
	case 1:
		c, err := commandNamed(args[0])
		if err != nil {
			return err
		}
		return c.call(context.Background(), []string{"-h"}, streams{out: out})
	}
	return &usageError{fmt.Sprintf("help: unexpected argument %q: see %s help", args[1], program)}
}

// explain prints what c does, an example and its flags.
func (c command) explain(flags *flag.FlagSet, out io.Writer) {
	usage := strings.Join(strings.Fields(c.name+" [flags] "+c.arguments), " ")
	fmt.Fprintf(out, "%s: %s\n\nusage:   %s %s\nexample: %s %s\n\n", c.name, c.about, program, usage, program, c.example)
	flags.SetOutput(out)
	flags.PrintDefaults()
}
