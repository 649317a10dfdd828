package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"agora/engine/native/digest"
	"agora/engine/native/gguf"
	"agora/wire/blob"
)

const ggufFormat = "gguf"

// Identity says what a model file is.
type Identity struct {
	Format     string
	Digest     string // "sha256:<hex>" of what it computes
	Parameters int64
}

// Identify reads a whole file. Where it is a model file that the exact engine cannot run, the format is there, and an error.
func Identify(path string) (id Identity, err error) {
	g, err := gguf.Open(path)
	if err != nil {
		return id, err
	}
	sum, err := digest.Of(g)
	if err = errors.Join(err, g.Close()); err != nil {
		return Identity{Format: ggufFormat}, err
	}
	return Identity{ggufFormat, sum.String(), sum.Parameters}, nil
}

// FindDigest is the stored model that computes what a digest says, by its card: who reads the file and finds another one asks Mend. The
// error is ErrNotHere, or the system's.
func (s *Store) FindDigest(wanted string) (Entry, error) {
	list, _, err := s.entries()
	if err != nil {
		return Entry{}, err
	}
	for _, e := range list {
		if e.Digest == "" { // perhaps of a store from before digests were kept
			if id, err := Identify(e.Path); err == nil {
				e.Format, e.Digest, e.Parameters = id.Format, id.Digest, id.Parameters
				if err := s.write(e); err != nil {
					return Entry{}, err
				}
			}
		}
		if e.Digest == wanted {
			return e, nil
		}
	}
	return Entry{}, fmt.Errorf("%w (%w): %.80s", ErrNotHere, fs.ErrNotExist, wanted)
}

// Mend holds what is stored of a digest to its cards, since somebody found that it is not the model: a damaged file is removed, so that it
// can be fetched again, and the card of a whole one gets the digest that it has. Errors are the system's.
func (s *Store) Mend(digest string) error {
	whole, damaged, err := s.entries()
	errs := []error{err}
	for _, d := range damaged {
		if d.Digest == digest {
			errs = append(errs, d.remove())
		}
	}
	for _, e := range whole {
		if e.Digest == digest {
			errs = append(errs, s.mend(e))
		}
	}
	return errors.Join(errs...)
}

func (s *Store) mend(e Entry) error {
	sum, _, err := hashOf(e.Path)
	if err != nil {
		return err
	}
	if sum != e.SHA256 {
		return e.remove()
	}
	id, err := Identify(e.Path)
	if id.Format == "" {
		return err
	}
	e.Format, e.Digest, e.Parameters = id.Format, id.Digest, id.Parameters
	return s.write(e)
}

// Give implements blob.Library: what the store has, it gives.
func (s *Store) Give(digest string) (*blob.Content, error) {
	e, err := s.FindDigest(digest)
	if err != nil {
		return nil, err
	}
	return blob.Open(e.Path, e.ending()[1:])
}

// Published is a model as its chain lists it.
type Published struct {
	Digest, Name, Licence string
	Root                  []byte // of its file, where the author told
	Bytes                 uint64
}

// Fetch gets a published model from whoever has it, or finds it here. progress may be nil.
func (s *Store) Fetch(ctx context.Context, p Published, peers []blob.Peer, progress func(have, of int64)) (Entry, error) {
	if e, err := s.FindDigest(p.Digest); !errors.Is(err, ErrNotHere) {
		return e, err
	}
	if err := s.Mend(p.Digest); err != nil {
		return Entry{}, err
	}
	if err := checkName(p.Name); err != nil {
		return Entry{}, err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return Entry{}, err
	}
	if path := s.cutOff(p.Digest); path != "" {
		return s.keep(path, p.entry(), "")
	}
	path, err := blob.Fetch(ctx, s.dir, blob.Wanted{
		Digest: p.Digest, Root: p.Root, Most: int64(min(p.Bytes, blob.MostBytes)), Progress: progress,
		Verify: func(path string) error { return computes(path, p.Digest) },
	}, peers)
	if err != nil {
		return Entry{}, err
	}
	return s.keep(path, p.entry(), "")
}

func (p Published) entry() Entry { return Entry{Name: p.Name, Licence: p.Licence, Source: p.Digest} }

// cutOff is the whole file of a model whose fetch ended before the store had its card; empty where there is none.
func (s *Store) cutOff(digest string) string {
	found, err := filepath.Glob(filepath.Join(s.dir, strings.TrimPrefix(digest, "sha256:")+".*"))
	if err != nil {
		return ""
	}
	for _, path := range found {
		if filepath.Ext(path) != ".part" && computes(path, digest) == nil {
			return path
		}
	}
	return ""
}

// computes holds a file to a digest.
func computes(path, wanted string) error {
	id, err := Identify(path)
	if err == nil && id.Digest != wanted {
		err = fmt.Errorf("%w: it computes %s, not %s", ErrHash, id.Digest, wanted)
	}
	return err
}
