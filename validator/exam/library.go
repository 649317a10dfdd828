package exam

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"agora/engine/native/batch"
	"agora/engine/native/ladder"
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

// Open implements Library.
func (s *Shelf) Open(ctx context.Context, m Listed) (*Specimen, error) {
	digest := SpellDigest(m.Digest)
	if _, ships := ladder.Named(digest); ships {
		e, err := ladder.Open(digest, llm.Options{Template: m.Template, Batch: once})
		if err != nil {
			return nil, err
		}
		return specimen(e, digest)
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

// once is how an examiner's model works: no text is read a second time, so none is kept.
var once = batch.Options{Kept: 1}

// OpenFile loads a model's file and holds it to its digest.
func OpenFile(path string, m Listed, digest string) (*Specimen, error) {
	e, err := llm.Open(path, llm.Options{Name: m.Name, Licence: m.Licence, Template: m.Template, Batch: once})
	if err != nil {
		return nil, err
	}
	return specimen(e, digest)
}

// specimen closes an engine of another digest.
func specimen(e *llm.Engine, digest string) (*Specimen, error) {
	s := &Specimen{Subject: e, Parameters: uint64(e.Parameters()), Close: e.Close}
	if got := e.Info().Digest; got != digest {
		if got == "" {
			got = "a file with tensors that its architecture does not read"
		}
		return nil, errors.Join(fmt.Errorf("%w: %s, not %s", errDigest, got, strings.TrimPrefix(digest, "sha256:")[:12]), s.Close())
	}
	return s, nil
}
