package exam

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"agora/engine"
	"agora/engine/native/chat"
	"agora/engine/native/llm"
)

// Shelf is the library of this machine: the models that ship, and files that are fetched by their digest.
type Shelf struct {
	// Fetch returns the path of a model's file, fetching it where it is not here. Its error is ErrNotHere where nobody gives it.
	Fetch func(ctx context.Context, m Listed) (path string, err error)
}

// Folder fetches from a folder of files that are named by their digests, in hexadecimal, with any ending.
func Folder(dir string) func(context.Context, Listed) (string, error) {
	return func(_ context.Context, m Listed) (string, error) {
		found, err := filepath.Glob(filepath.Join(dir, hex.EncodeToString(m.Digest[:])+".*"))
		if err != nil || len(found) == 0 {
			return "", fmt.Errorf("%w: %s is not in %s", ErrNotHere, short(m.Digest), dir)
		}
		return found[0], nil
	}
}

// ChatFormat is the format of the chat models that ship, whose files hold nothing but what the digest covers.
const ChatFormat = "chat"

// Open implements Library.
func (s *Shelf) Open(ctx context.Context, m Listed) (*Specimen, error) {
	digest := SpellDigest(m.Digest)
	for _, card := range chat.Cards() {
		if card.Digest == digest {
			e, err := chat.Open(card.Name)
			if err != nil {
				return nil, err
			}
			return &Specimen{Subject: e, Parameters: uint64(e.Shape().Parameters()), Close: func() error { return nil }}, nil
		}
	}
	if s.Fetch == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotHere, digest)
	}
	path, err := s.Fetch(ctx, m)
	if err != nil {
		return nil, err
	}
	return OpenFile(path, m, digest)
}

// errDigest says that a file is another model.
var errDigest = errors.New("the file holds another model")

// OpenFile loads a model's file and holds it to its digest.
func OpenFile(path string, m Listed, digest string) (*Specimen, error) {
	var e interface {
		engine.Engine
		Subject
	}
	var parameters uint64
	switch m.Format {
	case ChatFormat:
		c, err := chat.OpenFile(path)
		if err != nil {
			return nil, err
		}
		e, parameters = c, uint64(c.Shape().Parameters())
	default:
		l, err := llm.Open(path, llm.Options{Name: m.Name, Licence: m.Licence, Template: m.Template})
		if err != nil {
			return nil, err
		}
		e, parameters = l, uint64(l.Parameters())
	}
	s := &Specimen{Subject: e, Parameters: parameters, Close: func() error { return nil }}
	if c, ok := e.(io.Closer); ok {
		s.Close = c.Close
	}
	if got := e.Info().Digest; got != digest {
		if got == "" {
			got = "a file with tensors that its architecture does not read"
		}
		return nil, errors.Join(fmt.Errorf("%w: %s, not %s", errDigest, got, strings.TrimPrefix(digest, "sha256:")[:12]), s.Close())
	}
	return s, nil
}
