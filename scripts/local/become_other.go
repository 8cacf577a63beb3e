//go:build !unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"

	"sotercall/scripts/local/parent"
)

// become runs the program to its end. Ctrl-C reaches the program directly; the end of the
// go command does not.
func become(program string, args []string) (status int, err error) {
	signal.Ignore(os.Interrupt)
	command := exec.Command(program, args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := command.Start(); err != nil {
		return 0, err
	}
	if gone := parent.Gone(); gone != nil {
		go func() {
			<-gone
			_ = command.Process.Kill()
		}()
	}
	err = command.Wait()
	exit := (*exec.ExitError)(nil)
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
