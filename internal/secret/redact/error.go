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

// Error returns err with a text that holds nothing of a reply; errors.Is and errors.As see
// err. Libraries quote what they cannot read, so everything after the first quotation mark
// is dropped. Unless the cause is a network error, the rest passes through [Redactor.Text].
// Error returns nil if err is nil.
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

// quote returns the index of the first quotation, or -1. An apostrophe begins none.
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

// There are Is and As, and no Unwrap: the cause can be recognised. But printing the chain
// link by link does not reach the text that was redacted.
func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }
func (e *redacted) As(target any) bool   { return errors.As(e.err, target) }

// isOfNetwork reports whether the innermost error comes from the network stack. Its text
// names our own hosts, or a certificate, and never holds a server's reply.
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
