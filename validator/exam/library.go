package exam

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"agora/engine/native/batch"
	"agora/engine/native/digest"
	"agora/engine/native/gguf"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
)

// Shelf is the library of this machine: the models that ship, and files that are fetched by their digest.
type Shelf struct {
	// Fetch returns the path of a model's file, fetching it where it is not here. Its error is ErrNotHere where nobody gives it.
	Fetch func(ctx context.Context, m Listed) (path string, err error)
	// Mend puts away what is damaged of a model's files, so that Fetch gets them again. Nil where nothing is fetched.
	Mend func(m Listed) error
	// Within bounds how long Fetch is waited for, while the model keeps others waiting; 0 is no bound. What it got by then it has to keep
	// for the next time.
	Within time.Duration
}

// FetchWithin is Shelf's Within for who examines many models: in two minutes 2 GB come over a line of 140 Mbit/s.
const FetchWithin = 2 * time.Minute

// errSlow says that a model's weights are still on their way.
var errSlow = errors.New("exam: the weights come slowly, the rest is fetched later")

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

// Open implements Library. A file that does not hold the model is put away and fetched again, once.
func (s *Shelf) Open(ctx context.Context, m Listed) (*Specimen, error) {
	wanted := SpellDigest(m.Digest)
	if card, ships := ladder.Named(wanted); ships {
		return openShipped(card, m)
	}
	if s.Fetch == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotHere, wanted)
	}
	model, err := s.fetched(ctx, m)
	if !errors.Is(err, ErrDamaged) || s.Mend == nil {
		return model, err
	}
	if failed := s.Mend(m); failed != nil {
		return nil, errors.Join(err, failed)
	}
	return s.fetched(ctx, m)
}

func (s *Shelf) fetched(ctx context.Context, m Listed) (*Specimen, error) {
	path, err := s.fetch(ctx, m)
	if err != nil {
		return nil, err
	}
	return OpenFile(path, m)
}

func (s *Shelf) fetch(ctx context.Context, m Listed) (string, error) {
	if s.Within <= 0 {
		return s.Fetch(ctx, m)
	}
	limited, cancel := context.WithTimeout(ctx, s.Within)
	defer cancel()
	path, err := s.Fetch(limited, m)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return "", fmt.Errorf("%w: not all came in %v", errSlow, s.Within)
	}
	return path, err
}

func openShipped(card ladder.Card, m Listed) (*Specimen, error) {
	file, err := card.File()
	if err != nil {
		return nil, err
	}
	f, err := gguf.Parse(file)
	if err != nil {
		return nil, err
	}
	return load(f, llm.Options{Name: card.Name, Licence: card.Licence, Template: m.Template}, card.Digest)
}

// ErrDamaged says that a file does not hold the model of its digest. That is the fault of whoever keeps it, not of the model.
var ErrDamaged = errors.New("exam: the file does not hold the model")

// once is how an examiner's model works: no text is read a second time, so none is kept.
var once = batch.Options{Kept: 1}

// OpenFile loads a model's file and holds it to its digest. Errors are those of Library, and ErrDamaged.
func OpenFile(path string, m Listed) (*Specimen, error) {
	f, err := gguf.Open(path)
	if errors.Is(err, gguf.ErrFormat) || errors.Is(err, gguf.ErrDamaged) || errors.Is(err, gguf.ErrUnsupported) {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err) // what has no parts has no digest
	}
	if err != nil {
		return nil, err
	}
	return load(f, llm.Options{Name: m.Name, Licence: m.Licence, Template: m.Template}, SpellDigest(m.Digest))
}

// load makes a specimen of an open file, which it closes on errors.
func load(f *gguf.File, o llm.Options, wanted string) (*Specimen, error) {
	o.Batch = once
	e, err := llm.New(f, o)
	if err != nil {
		return nil, errors.Join(blame(f, err, wanted), f.Close())
	}
	s := &Specimen{Subject: e, Parameters: uint64(e.Parameters()), Close: e.Close}
	if got := e.Info().Digest; got != wanted {
		return nil, errors.Join(another(got, wanted), s.Close())
	}
	return s, nil
}

// blame says whose fault it is that an open file is no model that runs: the model's own where these are the bytes of its digest and the
// system had no part in it.
func blame(f *gguf.File, err error, wanted string) error {
	if system(err) {
		return err
	}
	id, unnamed := digest.Of(f)
	switch {
	case unnamed != nil:
		return fmt.Errorf("%w: %w", ErrDamaged, unnamed)
	case id.String() != wanted:
		return another(id.String(), wanted)
	}
	return fmt.Errorf("%w: %w", ErrFault, err)
}

// system says that an error came from the operating system.
func system(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number)
}

// another says that a file holds the model of digest got, empty for none, and not the wanted one.
func another(got, wanted string) error {
	if got == "" {
		got = "a file with tensors that its architecture does not read"
	}
	return fmt.Errorf("%w: it has %s, not %s", ErrDamaged, got, strings.TrimPrefix(wanted, "sha256:")[:12])
}
