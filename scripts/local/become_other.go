//go:build !unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// become runs the program to its end. Ctrl-C reaches it by itself.
func become(program string, args []string) (status int, err error) {
	signal.Ignore(os.Interrupt)
	command := exec.Command(program, args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = command.Run()
	exit := (*exec.ExitError)(nil)
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
