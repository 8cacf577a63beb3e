package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"

	"sotercall/internal/dev/loopback"
	"sotercall/internal/upstream"
)

func containersFlag(flags *flag.FlagSet) *bool {
	return flags.Bool("containers", false, "serve containers of this computer, too, such as those of sam local: at http://"+upstream.DockerHost+" and the port of -addr")
}

// containersHere returns the containers of this computer; none unless wanted. It warns of
// their rights.
func containersHere(wanted bool, warnings io.Writer) (*loopback.Containers, error) {
	if !wanted {
		return nil, nil
	}
	containers, err := loopback.FindContainers()
	if errors.Is(err, loopback.ErrNoBridge) {
		fmt.Fprintf(warnings, "%v.\n", err)
	} else if err != nil {
		return nil, err
	}
	fmt.Fprintln(warnings, "Warning: every container of this computer may now sign for every user of the sandbox, invoke the functions, and break things on request. Run none that you do not trust.")
	return &containers, nil
}

// guard refuses all other clients.
func (s settings) guard(next http.Handler) http.Handler {
	if s.containers == nil {
		return loopback.Only(next)
	}
	return s.containers.Only(next)
}

// serveContainers serves them on the port of the listener for this computer.
func (w *world) serveContainers(s settings, own net.Addr) error {
	if s.containers == nil {
		return nil
	}
	_, port, err := net.SplitHostPort(own.String())
	if err != nil {
		return err
	}
	listener, err := s.containers.Listen(port)
	if listener != nil {
		go func() { _ = w.server.Serve(listener) }()
	}
	return err
}
