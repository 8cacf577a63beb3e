package cloudcall

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// maxFields bounds the fields of a form; the SDK sends nine.
const maxFields = 32

// Field is a field of the form.
type Field struct {
	Name  string
	Value []byte
	// Binary marks a value that the SDK holds as bytes and not as text: it is sent as
	// application/octet-stream and signed untrimmed.
	Binary bool
}

// Form is the body of a call. The order is the order on the wire; the signature does not
// depend on it.
type Form []Field

// Get returns the value of a field, nil if there is none.
func (f Form) Get(name string) []byte {
	for _, field := range f {
		if field.Name == name {
			return field.Value
		}
	}
	return nil
}

// Encode writes the form as multipart/form-data, byte for byte as the SDK's form-data does.
// RFC 2046 must allow the boundary.
func (f Form) Encode(boundary string) []byte {
	var b bytes.Buffer
	for _, field := range f {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n", boundary, field.Name)
		if field.Binary {
			b.WriteString("Content-Type: application/octet-stream\r\n")
		}
		b.WriteString("\r\n")
		b.Write(field.Value)
		b.WriteString("\r\n")
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.Bytes()
}

// ReadForm reads a form that is complete and has no duplicate names. With duplicates, the
// signature would not say which value is meant.
func ReadForm(contentType string, body []byte) (Form, error) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" {
		return nil, errors.New("the content type is not multipart/form-data with a boundary")
	}
	reader := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	var form Form
	seen := map[string]bool{}
	for {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return form, nil
		}
		if err != nil {
			return nil, errors.New("the form is broken")
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, errors.New("the form is broken")
		}
		name := part.FormName()
		switch key := strings.ToLower(name); {
		case name == "":
			return nil, errors.New("a field of the form has no name")
		case seen[key]:
			return nil, errors.New("a field of the form is duplicated")
		case len(form) == maxFields:
			return nil, fmt.Errorf("the form has more than %d fields", maxFields)
		default:
			seen[key] = true
		}
		form = append(form, Field{Name: name, Value: value, Binary: part.Header.Get("Content-Type") != ""})
	}
}
