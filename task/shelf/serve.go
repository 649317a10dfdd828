package shelf

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"agora/task/wasm"
	"agora/task/wasm/meter"
)

// SourcePath follows a module's path: what it carries of its source.
const SourcePath = "/source"

// Handler serves the shelf: GET (and HEAD) gives a module to anybody, or its source; PUT takes one that the chain names, so that an owner needs no
// server of his own. wanted says which those are.
func (s *Shelf) Handler(wanted func(wasm.Digest) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, evidence := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, Path), EvidencePath)
		name, source := strings.CutSuffix(name, SourcePath)
		d, err := ParseDigest(name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if evidence {
			s.giveEvidence(w, r, d)
			return
		}
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			if source {
				s.giveSource(w, d)
				return
			}
			s.give(w, r, d)
		case http.MethodPut:
			s.receive(w, r, d, wanted)
		default:
			w.Header().Set("Allow", "GET, HEAD, PUT")
			http.Error(w, "GET a module, or PUT one that the chain names", http.StatusMethodNotAllowed)
		}
	})
}

func (s *Shelf) give(w http.ResponseWriter, r *http.Request, d wasm.Digest) {
	code, err := s.Read(d)
	if err != nil {
		http.Error(w, ErrMissing.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/wasm")
	w.Header().Set("Content-Length", strconv.Itoa(len(code)))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.Method == http.MethodGet {
		w.Write(code) // a reader that goes away reads no error
	}
}

// giveSource writes what a module carries of its source as one text.
func (s *Shelf) giveSource(w http.ResponseWriter, d wasm.Digest) {
	code, err := s.Read(d)
	files := wasm.SourceOf(code)
	if err != nil || files == nil {
		http.Error(w, "there is no such module here, or it carries no source", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	for _, f := range files {
		fmt.Fprintf(w, "-- %s --\n%s\n", f.Name, strings.TrimSuffix(f.Text, "\n")) // a reader that goes away reads no error
	}
}

func (s *Shelf) receive(w http.ResponseWriter, r *http.Request, d wasm.Digest, wanted func(wasm.Digest) bool) {
	if !wanted(d) {
		http.Error(w, "no subnet names this module: announce it on the chain first, and try again after a block", http.StatusForbidden)
		return
	}
	if s.Has(d) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	switch err := s.Put(d, http.MaxBytesReader(w, r.Body, meter.MaxBytes+1)); {
	case errors.Is(err, ErrOther):
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	case err != nil:
		http.Error(w, "the module was not kept", http.StatusInternalServerError)
	default:
		w.WriteHeader(http.StatusCreated)
	}
}
