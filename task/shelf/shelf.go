// Package shelf keeps the modules of tasks on this machine: each in a file named by its digest, fetched from whoever has it, loaded
// once, run within a budget, and handed on to whoever asks.
//
// What is on the shelf has the hash that its name says, whoever it came from; so a source needs no trust.
package shelf

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"agora/task/wasm"
	"agora/task/wasm/meter"
)

// Path is where a shelf is served: Path + the digest in hexadecimal.
const Path = "/v1/tasks/"

var (
	// ErrMissing says that a module is not here.
	ErrMissing = errors.New("no such module here")
	// ErrOther says that what came is not what its digest says.
	ErrOther = errors.New("these bytes have another digest")
)

const fetchTime = time.Minute // for one source

// Config says where a shelf is and what it may use. Zero values take the defaults named beside them.
type Config struct {
	Dir    string       // folder of modules and their machine code; required
	Client *http.Client // fetches modules from addresses that strangers wrote; required for Fetch
	Ask    wasm.Asker   // nil: modules that ask models are refused
	Budget Budget       // where Load is given none

	// Hidden is how long what a score asked models is kept to itself: its item may still be asked. Two hours.
	Hidden time.Duration
}

// Shelf is safe for concurrent use.
type Shelf struct {
	cfg  Config
	host *wasm.Host

	kept *evidence

	mu     sync.Mutex
	loaded map[wasm.Digest]*Task
}

// Open makes the folder and the host that runs modules. Close ends it.
func Open(ctx context.Context, c Config) (*Shelf, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of tasks: %w", err)
	}
	host, err := wasm.NewHost(ctx, wasm.Config{Cache: filepath.Join(c.Dir, "compiled"), Ask: c.Ask})
	if err != nil {
		return nil, err
	}
	if c.Hidden <= 0 {
		c.Hidden = 2 * time.Hour
	}
	kept, err := openEvidence(filepath.Join(c.Dir, "evidence.db"))
	if err != nil {
		return nil, errors.Join(err, host.Close(ctx))
	}
	return &Shelf{cfg: c, host: host, kept: kept, loaded: map[wasm.Digest]*Task{}}, nil
}

// Close ends what runs. No item or score may be under way.
func (s *Shelf) Close() error { return errors.Join(s.host.Close(context.Background()), s.kept.close()) }

// ParseDigest reads "sha256:<hex>", as the chain spells it, or the hexadecimal number alone.
func ParseDigest(text string) (wasm.Digest, error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "sha256:"))
	if err != nil || len(raw) != sha256.Size {
		return wasm.Digest{}, fmt.Errorf("%.80q is not a digest: want sha256: and 64 hexadecimal digits", text)
	}
	return wasm.Digest(raw), nil
}

func (s *Shelf) file(d wasm.Digest) string { return filepath.Join(s.cfg.Dir, d.String()+".wasm") }

// Has says whether a module is here.
func (s *Shelf) Has(d wasm.Digest) bool {
	_, err := os.Stat(s.file(d))
	return err == nil
}

// Read returns a module's file. Errors: ErrMissing.
func (s *Shelf) Read(d wasm.Digest) ([]byte, error) {
	code, err := os.ReadFile(s.file(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrMissing, d)
	}
	return code, err
}

// Put keeps a module. It is here whole or not at all. Errors: ErrOther.
func (s *Shelf) Put(d wasm.Digest, from io.Reader) error {
	code, err := io.ReadAll(io.LimitReader(from, meter.MaxBytes+1))
	if err != nil {
		return err
	}
	if got := wasm.DigestOf(code); got != d {
		return fmt.Errorf("%w: %s, not %s (at most %d bytes are read)", ErrOther, got, d, meter.MaxBytes)
	}
	part, err := os.CreateTemp(s.cfg.Dir, "part-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name()) // gone already if all went well
	_, err = part.Write(code)
	err = errors.Join(err, part.Sync(), part.Close())
	if err != nil {
		return err
	}
	return os.Rename(part.Name(), s.file(d))
}

// Fetch gets a module from the first source that has it: base URLs of validators, or the URL of the file itself where it does not
// end in a slash. The error says what each source answered.
func (s *Shelf) Fetch(ctx context.Context, d wasm.Digest, sources []string) error {
	var failed []error
	for _, source := range sources {
		if source == "" {
			continue
		}
		if err := s.fetch(ctx, d, source); err != nil {
			failed = append(failed, fmt.Errorf("%.200s: %w", source, err))
			continue
		}
		return nil
	}
	return errors.Join(append([]error{fmt.Errorf("%w: %s, nor at any of %d sources", ErrMissing, d, len(failed))}, failed...)...)
}

func (s *Shelf) fetch(ctx context.Context, d wasm.Digest, source string) error {
	if strings.HasSuffix(source, "/") {
		source = strings.TrimSuffix(source, "/") + Path + d.String()
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return err
	}
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return s.Put(d, resp.Body)
}

// Send puts a module to the shelf of a validator, by the base of its gateway's URL. The error says what it answered.
func Send(ctx context.Context, c *http.Client, base string, d wasm.Digest, code []byte) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	url := strings.TrimSuffix(base, "/") + Path + d.String()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewReader(code))
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 300)) // what it says is for people
		return fmt.Errorf("%s answered %s: %s", url, resp.Status, strings.TrimSpace(string(text)))
	}
	return nil
}

// Load makes a module that is here ready to run, within the shelf's budget. Errors: ErrMissing, wasm.ErrModule, wasm.ErrHost.
func (s *Shelf) Load(ctx context.Context, d wasm.Digest) (*Task, error) {
	return s.LoadWithin(ctx, d, s.cfg.Budget)
}

// LoadWithin is Load with a budget. A module that two subnets name has the first one's.
func (s *Shelf) LoadWithin(ctx context.Context, d wasm.Digest, b Budget) (*Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.loaded[d]; t != nil {
		return t, nil
	}
	code, err := s.Read(d)
	if err != nil {
		return nil, err
	}
	if wasm.DigestOf(code) != d {
		return nil, fmt.Errorf("%w: the file %s was changed; remove it", ErrOther, s.file(d))
	}
	m, err := s.host.Load(ctx, code)
	if err != nil {
		return nil, err
	}
	b = b.WithDefaults()
	m.AtOnce(b.calls())
	t := &Task{Module: m, purse: newPurse(b), keep: func(key, answer []byte, v wasm.Verdict) { s.kept.add(d, key, answer, v) }}
	s.loaded[d] = t
	return t, nil
}
