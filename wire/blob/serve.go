package blob

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Library is where the files are.
type Library interface {
	// Give opens the file of a digest; ErrNotHere if there is none.
	Give(digest string) (*Content, error)
}

// Content is a file that is open. Whoever opened it closes it.
type Content struct {
	io.ReaderAt
	Bytes   int64
	Format  string // its ending: gguf or safetensors
	Version string // another one where the bytes are others
	Close   func() error
}

// Open opens a file on the disk.
func Open(path, format string) (*Content, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Content{f, info.Size(), format, fmt.Sprint(path, info.Size(), info.ModTime().UnixNano()), f.Close}, nil
}

// Libraries are looked through in their order.
type Libraries []Library

// Give implements Library.
func (l Libraries) Give(digest string) (*Content, error) {
	for _, one := range l {
		if f, err := one.Give(digest); !errors.Is(err, ErrNotHere) && !errors.Is(err, os.ErrNotExist) {
			return f, err
		}
	}
	return nil, ErrNotHere
}

const (
	// mostReaders is how many answers a server gives at once; who comes besides is told to come back.
	mostReaders = 8
	// slowest is the fewest bytes a second at which a reader is waited for.
	slowest = 64 << 10
	// kept is how many manifests a server remembers.
	kept = 256
)

// Server answers for a library.
type Server struct {
	library Library
	readers chan struct{}

	mu    sync.Mutex
	known map[version]Manifest
}

// version is what a file was asked for by, and which one it was.
type version struct{ digest, file string }

// NewServer serves a library.
func NewServer(library Library) *Server {
	return &Server{library: library, readers: make(chan struct{}, mostReaders), known: map[version]Manifest{}}
}

// Serves tells whether a path asks for a model by its digest, and not for what an API says of a model by its name.
func Serves(path string) bool {
	rest, ok := strings.CutPrefix(path, "/v1/models/")
	return ok && strings.HasPrefix(rest, "sha256:")
}

// ServeHTTP answers GET /v1/models/{digest} and GET /v1/models/{digest}/{n}.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	digest, number, chunked := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/models/"), "/")
	select {
	case s.readers <- struct{}{}:
		defer func() { <-s.readers }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "this server gives as many files as it can; try again in a second", http.StatusServiceUnavailable)
		return
	}
	file, err := s.library.Give(digest)
	if err != nil {
		fail(w, err)
		return
	}
	defer file.Close()
	m, err := s.manifest(file, digest)
	if err != nil {
		fail(w, err)
		return
	}
	if !chunked {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(m) // who asked has gone
		return
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n >= m.Chunks() {
		http.Error(w, fmt.Sprintf("there is no chunk %.20q; the file has %d, the first is 0", number, m.Chunks()), http.StatusNotFound)
		return
	}
	send(w, file, m, n)
}

// send writes one chunk, to a reader who keeps up.
func send(w http.ResponseWriter, file io.ReaderAt, m Manifest, n int) {
	offset, size := m.Span(n)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience(size))) // not every connection has one
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	_, _ = io.Copy(w, io.NewSectionReader(file, offset, size)) // who asked has gone; he sees that bytes are missing
}

// patience is how long one chunk may take.
func patience(size int64) time.Duration {
	return 20*time.Second + time.Duration(size/slowest)*time.Second
}

func fail(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrNotHere) || errors.Is(err, os.ErrNotExist) {
		http.Error(w, ErrNotHere.Error(), http.StatusNotFound)
		return
	}
	http.Error(w, "the file cannot be read", http.StatusInternalServerError)
}

// manifest is computed once for a file as it is, one at a time.
func (s *Server) manifest(file *Content, digest string) (Manifest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := version{digest, file.Version}
	if m, ok := s.known[at]; ok {
		return m, nil
	}
	m, err := Of(file, file.Bytes, digest, file.Format)
	if err != nil {
		return m, err
	}
	if len(s.known) >= kept {
		clear(s.known)
	}
	s.known[at] = m
	return m, nil
}
