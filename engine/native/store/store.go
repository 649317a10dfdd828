// Package store keeps model files on this machine, each under the SHA-256 of its bytes, so that a file is what its name
// says or is not there.
package store

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Store is a folder of models. Several programs may use it at once.
type Store struct{ dir string }

// Entry is a stored model.
type Entry struct {
	Name    string `json:"name"`
	SHA256  string `json:"sha256"` // of the file, hex
	Bytes   int64  `json:"bytes"`
	Licence string `json:"licence"` // SPDX identifier; NOASSERTION where nobody told
	Source  string `json:"source"`  // where it came from
	Path    string `json:"path"`    // of the file

	Format     string `json:"format,omitempty"` // of the file: gguf, which empty means too
	Digest     string `json:"digest,omitempty"` // of what the file computes; empty where an exact engine cannot run it
	Parameters int64  `json:"parameters,omitempty"`
}

// ending is that of the entry's file.
func (e Entry) ending() string { return "." + cmp.Or(e.Format, ggufFormat) }

// Errors that callers tell apart; the text says what to do.
var (
	ErrNotHere = errors.New("there is no such model here")
	ErrHash    = errors.New("the file is not the one that was asked for")
	ErrName    = errors.New("not a name for a model")
	ErrNoPip   = errors.New("this model comes in a Python package, and there is no pip")
	ErrNoFile  = errors.New("not a file")

	ErrTooLarge = errors.New("the file is too large for the store")
	ErrDamaged  = errors.New("remove it and get the model again")
)

// Open uses a folder, which it makes when something is stored. An empty dir is the user's cache folder.
func Open(dir string) (*Store, error) {
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no folder for models: %w; give --store DIR", err)
		}
		dir = filepath.Join(cache, "agora", "models")
	}
	return &Store{dir}, nil
}

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

// List is what is stored, by name. The error is ErrDamaged where a file or its card is.
func (s *Store) List() ([]Entry, error) {
	list, damaged, err := s.entries()
	for _, d := range damaged {
		err = cmp.Or(err, d.err)
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

// broken is what is left of a damaged model: its card, as far as it can be read, and what is wrong with it or with its file.
type broken struct {
	Entry
	err error
}

// entries lists what is stored, by name, apart from what can be seen to be damaged without reading it all. Errors are the system's.
func (s *Store) entries() (whole []Entry, damaged []broken, err error) {
	cards, err := filepath.Glob(filepath.Join(s.dir, "*.json"))
	if err != nil {
		return nil, nil, err
	}
	for _, path := range cards {
		e, err := s.read(path)
		switch {
		case errors.Is(err, os.ErrNotExist): // removed meanwhile, or its file was
		case errors.Is(err, ErrDamaged):
			damaged = append(damaged, broken{e, err})
		case err != nil:
			return nil, nil, err
		default:
			whole = append(whole, e)
		}
	}
	slices.SortFunc(whole, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return whole, damaged, nil
}

func (s *Store) read(path string) (Entry, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return Entry{}, fmt.Errorf("%s is damaged: %w; %w", path, err, ErrDamaged)
	}
	e.Path = strings.TrimSuffix(path, ".json") + e.ending()
	info, err := os.Stat(e.Path)
	if err != nil {
		return Entry{}, err
	}
	if info.Size() != e.Bytes {
		return e, fmt.Errorf("%s has %d bytes, not %d; %w", e.Path, info.Size(), e.Bytes, ErrDamaged)
	}
	return e, nil
}

// Find is the stored model of that name, or whose hash begins so.
func (s *Store) Find(name string) (Entry, error) {
	list, err := s.List()
	if err != nil {
		return Entry{}, err
	}
	for _, e := range list {
		if e.Name == name || (len(name) >= 8 && strings.HasPrefix(e.SHA256, name)) {
			return e, nil
		}
	}
	if slices.ContainsFunc(Catalogue, func(k Known) bool { return k.Name == name }) {
		return Entry{}, fmt.Errorf("%w: %q; get it with: agora model get %s", ErrNotHere, name, name)
	}
	return Entry{}, fmt.Errorf("%w: %q; `agora model list` shows what there is, `agora model get` adds what you have as a URL or a file", ErrNotHere, name)
}

// Remove forgets a model.
func (s *Store) Remove(name string) error {
	e, err := s.Find(name)
	if err != nil {
		return err
	}
	return e.remove()
}

// remove takes card and file away; what is gone already is no error.
func (e Entry) remove() error {
	var errs []error
	for _, path := range []string{strings.TrimSuffix(e.Path, e.ending()) + ".json", e.Path} {
		if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// checkName refuses names that could not stand in a request, a path or a card.
func checkName(name string) error {
	ok := name != "" && len(name) <= 64 && !strings.HasPrefix(name, ".")
	for _, c := range name {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._:", c))
	}
	if !ok {
		return fmt.Errorf("%w: %q; up to 64 letters, digits and - . _ : will do, give one with --name", ErrName, name)
	}
	return nil
}

// keep moves a whole file at path into the store: its hash must be the wanted one where there is one, and it must be a
// model file. On an error the file is removed.
func (s *Store) keep(path string, e Entry, wanted string) (Entry, error) {
	sum, size, err := hashOf(path)
	if err == nil && wanted != "" && sum != strings.ToLower(wanted) {
		err = fmt.Errorf("%w: it has the SHA-256 %s, not %s", ErrHash, sum, wanted)
	}
	var id Identity
	if err == nil {
		id, err = Identify(path)
		if id.Format != "" {
			err = nil // an engine of another kind may run what the exact one does not
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", e.Source, err)
		}
	}
	if err != nil {
		return Entry{}, errors.Join(err, os.Remove(path))
	}
	e.SHA256, e.Bytes, e.Format, e.Digest, e.Parameters = sum, size, id.Format, id.Digest, id.Parameters
	e.Path = filepath.Join(s.dir, sum+e.ending())
	if err := s.write(e); err != nil { // before the file: what ends in between finds the file where it was
		return Entry{}, err
	}
	return e, os.Rename(path, e.Path)
}

func hashOf(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// write puts the entry's card beside its file, whole or not at all. Another model of the same name loses the name.
func (s *Store) write(e Entry) error {
	others, damaged, err := s.entries()
	if err != nil {
		return err
	}
	for _, d := range damaged {
		others = append(others, d.Entry)
	}
	for _, o := range others {
		if o.Name == e.Name && o.SHA256 != e.SHA256 {
			if err := o.remove(); err != nil {
				return err
			}
		}
	}
	raw, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	card := filepath.Join(s.dir, e.SHA256+".json")
	f, err := os.CreateTemp(s.dir, "card-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(raw, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), card)
}
