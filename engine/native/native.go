// Package native opens models that run in this process: those that ship with the program, and those in the store.
package native

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"agora/engine"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/engine/native/ngram"
	"agora/engine/native/store"
)

// Shipped names the models that ship, weakest first of each kind.
func Shipped() []string {
	names := ladder.Names()
	for order := 1; order <= ngram.MaxOrder; order++ {
		names = append(names, fmt.Sprintf("ngram-%d", order))
	}
	return names
}

// Open finds a model: one that ships, one of the store by its name, hash or digest, or a GGUF file or a
// folder of safetensors by its path. An engine that
// holds memory or a goroutine is an io.Closer. The error names what there is.
func Open(name string, s *store.Store, o llm.Options) (engine.Engine, error) {
	if e, err := ngram.Open(name); err == nil {
		return e, nil
	}
	if _, ships := ladder.Named(name); ships {
		return ladder.Open(name, o)
	}
	if info, err := os.Stat(name); err == nil && (info.IsDir() || strings.HasSuffix(name, ".gguf")) {
		return llm.Open(name, o)
	}
	find := s.Find
	if strings.HasPrefix(name, "sha256:") {
		find = s.FindDigest
	}
	entry, err := find(name)
	if errors.Is(err, store.ErrNotHere) {
		return nil, fmt.Errorf("%w; these ship with agora: %s", err, strings.Join(Shipped(), ", "))
	}
	if err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = entry.Name
	}
	if o.Licence == "" {
		o.Licence = entry.Licence
	}
	return llm.Open(entry.Path, o)
}
