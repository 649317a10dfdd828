package openai

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
)

const (
	maxFormParts = 64
	maxFormField = 64 << 10 // bytes of a field that is no file
)

// Form is the body of POST /v1/audio/transcriptions: fields and a file, in parts.
type Form struct {
	Model  string
	fields []formField
}

type formField struct {
	header textproto.MIMEHeader
	name   string
	value  []byte
}

// ReadForm reads a form from a body of the given content type. Every error is an *Error.
func ReadForm(contentType string, body []byte) (*Form, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, Errorf(http.StatusBadRequest, "send the file and its fields as multipart/form-data")
	}
	f, file := &Form{}, false
	for r := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil || len(f.fields) == maxFormParts {
			return nil, Errorf(http.StatusBadRequest, "the form is broken or has more than %d parts", maxFormParts)
		}
		field := formField{header: p.Header, name: p.FormName()}
		if field.value, err = io.ReadAll(p); err != nil {
			return nil, Errorf(http.StatusBadRequest, "the form is not whole: %v", err)
		}
		if err := f.admit(field); err != nil {
			return nil, err
		}
		file = file || p.FileName() != "" && field.name == "file"
		f.fields = append(f.fields, field)
	}
	switch {
	case !file:
		return nil, Invalid("file", "missing required parameter: \"file\"")
	case f.Model == "":
		return nil, Invalid("model", "you must provide a model: a subnet's name or a model's, GET /v1/models lists them")
	}
	return f, nil
}

func (f *Form) admit(p formField) error {
	if p.name != "file" && len(p.value) > maxFormField {
		return Invalid(short(p.name), "the field %.40q is larger than %d bytes", p.name, maxFormField)
	}
	switch p.name {
	case "model":
		if f.Model != "" {
			return Invalid("model", "the field \"model\" stands twice")
		}
		f.Model = string(p.value)
	case "stream":
		if string(p.value) == "true" {
			return Invalid("stream", "transcriptions come in one piece here: leave stream out")
		}
	}
	return nil
}

// Renamed is the form for a model of another name, with its content type.
func (f *Form) Renamed(model string) (contentType string, body []byte, err error) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, p := range f.fields {
		part, err := w.CreatePart(p.header)
		if err != nil {
			return "", nil, fmt.Errorf("openai: write form: %w", err)
		}
		if p.name == "model" && model != "" {
			p.value = []byte(model)
		}
		if _, err := part.Write(p.value); err != nil {
			return "", nil, fmt.Errorf("openai: write form: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return "", nil, fmt.Errorf("openai: write form: %w", err)
	}
	return w.FormDataContentType(), out.Bytes(), nil
}

// File is the form's file and its name.
func (f *Form) File() (name string, content []byte) {
	for _, p := range f.fields {
		if p.name == "file" {
			_, params, _ := mime.ParseMediaType(p.header.Get("Content-Disposition"))
			return params["filename"], p.value
		}
	}
	return "", nil
}

// Field is the value of a field, empty where it is not there.
func (f *Form) Field(name string) string {
	for _, p := range f.fields {
		if p.name == name && name != "file" {
			return string(p.value)
		}
	}
	return ""
}
