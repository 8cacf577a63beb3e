package redact

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// Error returns an error with a text that holds nothing of a reply, which errors.Is
// and errors.As take for err. Libraries quote what they cannot read: what stands
// behind the first quote is dropped. Where the cause is not one of the network, the
// rest passes [Redactor.Text]. Error returns nil if err is nil.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if i := quote(text); i >= 0 {
		text = strings.TrimRight(text[:i], " ") + " " + ellipsis
	}
	if !isOfNetwork(err) {
		text = r.Text(text)
	}
	return &redacted{text: text, err: err}
}

// quote returns where the first quotation begins, or -1. An apostrophe begins none.
func quote(text string) int {
	for i := range len(text) {
		switch {
		case text[i] == '"', text[i] == '`', text[i] == '\'' && (i == 0 || !isLetter(text[i-1])):
			return i
		}
	}
	return -1
}

type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }

// Is and As, and no Unwrap: what is inside can be recognized, but a chain that is
// printed link by link does not come to the text that was redacted.
func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }
func (e *redacted) As(target any) bool   { return errors.As(e.err, target) }

// isOfNetwork reports whether the innermost error is one of the network's, whose
// words name our own hosts, or a certificate, and never what a server replied.
func isOfNetwork(err error) bool {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	switch err {
	case context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF:
		return true
	}
	switch err.(type) {
	case *redacted, syscall.Errno, net.Error, tls.RecordHeaderError, tls.AlertError,
		x509.UnknownAuthorityError, x509.HostnameError, x509.CertificateInvalidError, x509.SystemRootsError:
		return true
	}
	return errors.Is(err, net.ErrClosed)
}
