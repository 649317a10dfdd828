package wasm

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"agora/task/wasm/meter"
)

// sourceSection names the custom section in which a module carries its source. Nothing of it runs, but the digest covers it.
const sourceSection = "agora_source"

// Bounds of the source that a module carries.
const (
	MaxSource      = 64 << 10 // bytes of all files
	MaxSourceFiles = 32
	maxSourceName  = 128 // bytes
)

// File is one of a module's source, by the word of whoever packed it: building it again shows whether it is.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

var errSource = errors.New("no source that a module can carry")

// WithSource is a module's file that carries its source, at most MaxSource bytes in MaxSourceFiles files of UTF-8.
func WithSource(code []byte, files []File) ([]byte, error) {
	if err := checkSource(files); err != nil {
		return nil, err
	}
	content, err := json.Marshal(files)
	if err != nil {
		return nil, err
	}
	return meter.WithCustom(code, sourceSection, content), nil
}

// SourceOf is the source that a module's file carries; nil where it carries none, or what is none.
func SourceOf(code []byte) (files []File) {
	content := meter.Custom(code, sourceSection)
	if len(content) > 8*MaxSource || json.Unmarshal(content, &files) != nil || checkSource(files) != nil {
		return nil
	}
	return files
}

func checkSource(files []File) error {
	if len(files) == 0 || len(files) > MaxSourceFiles {
		return fmt.Errorf("%w: %d files, of 1 to %d", errSource, len(files), MaxSourceFiles)
	}
	size := 0
	for _, f := range files {
		size += len(f.Text)
		if f.Name == "" || len(f.Name) > maxSourceName || !utf8.ValidString(f.Name) || !utf8.ValidString(f.Text) {
			return fmt.Errorf("%w: the file %.80q is not UTF-8, or its name is none", errSource, f.Name)
		}
	}
	if size > MaxSource {
		return fmt.Errorf("%w: %d bytes, at most %d", errSource, size, MaxSource)
	}
	return nil
}
