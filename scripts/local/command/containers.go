package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"sotercall/internal/dev/loopback"
)

// containersHere are those that a world serves: none unless wanted. It warns of what
// they may do.
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

// guard keeps everybody else away.
func (s settings) guard(next http.Handler) http.Handler {
	if s.containers == nil {
		return loopback.Only(next, s.pages...)
	}
	return s.containers.Only(next, s.pages...)
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
