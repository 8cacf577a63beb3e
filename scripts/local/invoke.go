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

	"github.com/go-json-experiment/json"

	"sotercall/internal/emulator"
	"sotercall/internal/sandbox"
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

// invoke runs one event.
func invoke(ctx context.Context, flags *flag.FlagSet, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	platform := flags.String("platform", "lambda", "lambda or scf")
	function := flags.String("function", "verify", "which function")
	file := flags.String("e", "-", "file of the event, - for standard input")
	timeout := flags.Duration("timeout", 10*time.Second, "of the invocation")
	caller := environment{}
	flags.Var(caller, "env", "NAME=VALUE that SCF sends with this invocation, such as WX_OPENID=…; may be repeated")
	challenges := challengesFlag(flags)
	phones := phonesFlag(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	event, err := read(*file, stdin)
	if err != nil {
		return err
	}
	folder, err := phonesFolder(ctx, *phones)
	if err != nil {
		return err
	}
	s := settings{addr: "127.0.0.1:0", phones: folder, log: stderr, timeout: *timeout, challenges: *challenges}
	on := slices.IndexFunc(emulator.Platforms, func(p emulator.Platform) bool { return p.Name == *platform })
	if on < 0 {
		return fmt.Errorf("-platform %s: lambda or scf", *platform)
	}
	s.platforms = emulator.Platforms[on : on+1]
	w, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	runtime := w.hosted[*platform][*function]
	if runtime == nil {
		return fmt.Errorf("-function %s: there is %s", *function, strings.Join(functionNames, ", "))
	}
	answer, err := runtime.Invoke(ctx, emulator.Call{Payload: event, Environment: caller})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\n", answer.Payload)
	if answer.FunctionError != "" {
		return errFailed
	}
	return nil
}

func read(file string, stdin io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(file)
}

// sign prints an event that a phone of the state folder has signed.
func sign(ctx context.Context, flags *flag.FlagSet, args []string, stdout io.Writer) error {
	openid := flags.String("openid", "oLocal-User_0000000000000001", "who signs")
	challenge := flags.String("challenge", "", "what is signed, 1 to 512 characters")
	deviceName := flags.String("device", "android", "android, huawei or ios")
	phones := phonesFlag(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	device, err := sandbox.ParseDevice(*deviceName)
	if err != nil {
		return err
	}
	folder, err := phonesFolder(ctx, *phones)
	if err != nil {
		return err
	}
	s, err := sandbox.New(sandbox.Options{Dir: folder})
	if err != nil {
		return err
	}
	phone, err := s.Phone(*openid, device)
	if err != nil {
		return err
	}
	signed, err := phone.Sign(*challenge)
	if err != nil {
		return err
	}
	event, err := json.Marshal(signed)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\n", event)
	return nil
}
