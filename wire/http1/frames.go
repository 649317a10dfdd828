package http1

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// frames are where a body ends on its connection.
type frames struct {
	in      *input
	chunks  bool         // it comes in chunks
	endless bool         // it ends with the connection
	begun   bool         // the first chunk has
	left    int64        // bytes to come, of the body or of this chunk
	noise   int          // bytes of extensions
	keep    *http.Header // for what follows the chunks; nil where nobody wants it
}

// read reads the body; io.EOF is its proper end.
func (f *frames) read(p []byte) (n int, err error) {
	if f.chunks && f.left == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	if f.endless {
		return f.in.read(p)
	}
	n, err = f.in.read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	switch {
	case err == io.EOF && n == 0:
		return 0, io.ErrUnexpectedEOF
	case err != nil && n == 0:
		return 0, err
	case f.left > 0 || f.chunks:
		return n, nil
	}
	return n, io.EOF
}

// next reads the end of a chunk and the line before the next; io.EOF says that it was the last, and that what follows it was read.
func (f *frames) next() error {
	if f.begun {
		if err := f.cut(); err != nil {
			return err
		}
	}
	f.begun = true
	line, err := f.line(maxChunkLine)
	if err != nil {
		return err
	}
	size, extension, _ := strings.Cut(line, ";")
	if hasControl(extension) {
		return errChunk
	}
	if f.noise += len(extension); f.noise > maxExtensions {
		return errChunkNoise
	}
	if f.left, err = hexadecimal(size); err != nil {
		return err
	}
	if f.left > 0 {
		return nil
	}
	return f.trailer()
}

// trailer reads the lines behind the last chunk.
func (f *frames) trailer() error {
	for room := maxTrailers; ; {
		line, err := f.line(room)
		switch {
		case err != nil:
			return err
		case line == "":
			return io.EOF
		}
		name, value, err := field(line)
		if err != nil {
			return err
		}
		f.note(name, value)
		room -= len(line) + 2
	}
}

// note keeps a trailer.
func (f *frames) note(name, value string) {
	if f.keep == nil {
		return
	}
	if *f.keep == nil {
		*f.keep = http.Header{}
	}
	f.keep.Add(name, value)
}

// cut reads the end of a chunk's line.
func (f *frames) cut() error {
	line, err := f.line(2)
	if err == nil && line != "" {
		err = errChunk
	}
	return err
}

// line reads one line of at most so many bytes, with CRLF. The end of the connection in it is no end of the body.
func (f *frames) line(most int) (string, error) {
	in := f.in
	for from := 0; ; {
		seen := in.waiting()
		seen = seen[:min(len(seen), most)]
		if i := bytes.IndexByte(seen[from:], '\n'); i >= 0 {
			end := from + i
			if end == 0 || seen[end-1] != '\r' {
				return "", errChunk
			}
			line := string(seen[:end-1])
			in.r += end + 1
			return line, nil
		}
		if from = len(seen); from >= most {
			return "", errChunkNoise
		}
		if err := in.fill(); err == io.EOF {
			return "", io.ErrUnexpectedEOF
		} else if err != nil {
			return "", err
		}
	}
}

// hexadecimal reads a chunk's size: up to 15 digits.
func hexadecimal(text string) (n int64, err error) {
	if text == "" || len(text) > 15 {
		return 0, errChunk
	}
	for i := range len(text) {
		c := text[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, errChunk
		}
		n = 16*n + int64(c)
	}
	return n, nil
}
