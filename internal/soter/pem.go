package soter

import (
	"bytes"
	"encoding/base64"
	"errors"
)

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
)

var (
	errNotOneBlock = errors.New("want one PEM block that begins with its BEGIN line and ends with its END line")
	errNotBase64   = errors.New("not base64 in lines, with its padding and nothing else")
)

// readPEM reads a text that is one PEM block and nothing else, with or without an end of
// line after END.
//
// Readers of PEM differ. encoding/pem skips the text before a block, and any block that it
// cannot read. Java's CertificateFactory takes the first BEGIN and what follows up to the
// next dash. Other readers take all lines without dashes. A text that one of them would
// read differently is refused, so that every reader of an accepted text sees the same
// bytes.
//
// Lines end with LF or CRLF and may have any length. Four dashes after a label are enough,
// see [ParsePublicKey].
func readPEM(text []byte) (label string, der []byte, err error) {
	begin, rest, found := bytes.Cut(text, []byte("\n"))
	if !found {
		return "", nil, errNotOneBlock
	}
	at := bytes.LastIndex(rest, []byte("\n"+pemEnd))
	if at < 0 {
		return "", nil, errNotOneBlock
	}
	body, end := rest[:at+1], bytes.TrimSuffix(rest[at+1:], []byte("\n"))
	label, isBegin := pemLabel(begin, pemBegin)
	ended, isEnd := pemLabel(end, pemEnd)
	if !isBegin || !isEnd || label != ended || bytes.Contains(body, []byte("-----")) {
		return "", nil, errNotOneBlock
	}
	der, err = readBase64(body)
	return label, der, err
}

// pemLabel reads a BEGIN or an END line.
func pemLabel(line []byte, prefix string) (label string, ok bool) {
	line, ok = bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\r")), []byte(prefix))
	name, dashed := bytes.CutSuffix(line, []byte("----"))
	name = bytes.TrimSuffix(name, []byte("-"))
	for _, c := range name {
		if c != ' ' && (c < 'A' || c > 'Z') {
			return "", false
		}
	}
	return string(name), ok && dashed && len(name) > 0
}

// readBase64 reads base64 in lines. No line may be empty.
func readBase64(text []byte) ([]byte, error) {
	compact := make([]byte, 0, len(text))
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) == 0 || bytes.IndexByte(line, '\r') >= 0 { // the decoder would skip a CR
			return nil, errNotBase64
		}
		compact = append(compact, line...)
	}
	der := make([]byte, base64.StdEncoding.DecodedLen(len(compact)))
	n, err := base64.StdEncoding.Strict().Decode(der, compact)
	if err != nil {
		return nil, errNotBase64
	}
	return der[:n], nil
}
