package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"agora/task/wasm/meter"
)

// Digest names a module: SHA-256 of its file.
type Digest [sha256.Size]byte

// DigestOf is the digest of a module's file.
func DigestOf(code []byte) Digest { return sha256.Sum256(code) }

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText writes the digest in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (d *Digest) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(d) {
		return fmt.Errorf("%.80q is not a digest of 64 hexadecimal digits", text)
	}
	*d = Digest(raw)
	return nil
}

// Host compiles and runs modules. It is safe for concurrent use.
type Host struct {
	runtime wazero.Runtime
	cache   wazero.CompilationCache
	ask     Asker
	fuel    int64 // of a call
	mapFrom int   // bytes of memory from which an image is mapped

	mu      sync.Mutex
	modules map[*Module]struct{} // loaded and not closed
}

// Config says where a host keeps machine code and whom it asks.
type Config struct {
	// Cache is a folder for compiled modules, so that a second start takes no compiling; "" keeps none. Whoever can write there can run
	// code as this program: it is made for this user alone.
	Cache string
	Ask   Asker // nil: modules that ask models are refused
}

// NewHost makes a host. Close releases it and all its modules.
func NewHost(ctx context.Context, c Config) (*Host, error) {
	h := &Host{ask: c.Ask, fuel: CallFuel, mapFrom: mapFrom, modules: map[*Module]struct{}{}}
	rc := wazero.NewRuntimeConfig().WithMemoryLimitPages(meter.MaxPages).
		WithCoreFeatures(api.CoreFeaturesV2 &^ api.CoreFeatureSIMD)
	if c.Cache != "" {
		if err := os.MkdirAll(c.Cache, 0o700); err != nil {
			return nil, fmt.Errorf("folder for compiled tasks: %w", err)
		}
		cache, err := wazero.NewCompilationCacheWithDir(c.Cache)
		if err != nil {
			return nil, fmt.Errorf("folder for compiled tasks: %w", err)
		}
		h.cache, rc = cache, rc.WithCompilationCache(cache)
	}
	h.runtime = wazero.NewRuntimeWithConfig(ctx, rc)
	for _, build := range []func(context.Context) error{h.wasi, h.own} {
		if err := build(ctx); err != nil {
			return nil, errors.Join(err, h.Close(ctx))
		}
	}
	return h, nil
}

// Close releases the host and its modules. No call may be under way.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	modules := slices.Collect(maps.Keys(h.modules))
	h.mu.Unlock()
	var err error
	for _, m := range modules {
		err = errors.Join(err, m.Close(ctx))
	}
	err = errors.Join(err, h.runtime.Close(ctx))
	if h.cache != nil {
		err = errors.Join(err, h.cache.Close(ctx))
	}
	return err
}

// Load checks, compiles and starts a module. Its errors are ErrModule where the module is at fault, and say what to change.
func (h *Host) Load(ctx context.Context, code []byte) (*Module, error) {
	rewritten, err := meter.Rewrite(code)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModule, err)
	}
	if err := h.allowed(rewritten.Imports); err != nil {
		return nil, err
	}
	compiled, err := h.compile(ctx, rewritten.Code)
	if err != nil {
		return nil, err
	}
	m := &Module{host: h, digest: DigestOf(code), compiled: compiled, names: rewritten.Globals, room: make(chan struct{}, instances)}
	m.source = SourceOf(code)
	m.asks = slices.Contains(rewritten.Imports, askImport)
	h.hold(m, true)
	if err := m.start(ctx); err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	return m, nil
}

// hold remembers a module until it is closed.
func (h *Host) hold(m *Module, open bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if open {
		h.modules[m] = struct{}{}
		return
	}
	delete(h.modules, m)
}

// compile turns a fault of the compiler itself into a refusal of the module.
func (h *Host) compile(ctx context.Context, code []byte) (c wazero.CompiledModule, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: it cannot be compiled: %v", ErrModule, r)
		}
	}()
	if c, err = h.runtime.CompileModule(ctx, code); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModule, err)
	}
	return c, exportsOf(c)
}

// exportsOf checks that a module has the interface's functions.
func exportsOf(c wazero.CompiledModule) error {
	functions := c.ExportedFunctions()
	for name, want := range map[string]string{
		"agora_task_v1": "()", "agora_alloc": "(i32)i32", "agora_describe": "()i64",
		"agora_item": "(i32i64)i64", "agora_score": "(i32i32i32i32)i64",
	} {
		f := functions[name]
		if f == nil {
			return fmt.Errorf("%w: it exports no function %s%s", ErrModule, name, want)
		}
		if got := spell(f); got != want {
			return fmt.Errorf("%w: its function %s is %s, not %s", ErrModule, name, got, want)
		}
	}
	if start := functions[initialize]; start != nil && spell(start) != "()" {
		return fmt.Errorf("%w: its function %s is %s, not ()", ErrModule, initialize, spell(start))
	}
	if c.ExportedMemories()["memory"] == nil {
		return fmt.Errorf("%w: it does not export its memory as \"memory\"", ErrModule)
	}
	return nil
}

const initialize = "_initialize"

// spell writes a function's type as "(i32i64)i64".
func spell(f api.FunctionDefinition) string {
	var s strings.Builder
	s.WriteByte('(')
	for _, t := range f.ParamTypes() {
		s.WriteString(api.ValueTypeName(t))
	}
	s.WriteByte(')')
	for _, t := range f.ResultTypes() {
		s.WriteString(api.ValueTypeName(t))
	}
	return s.String()
}

// allowed checks what a module asks its host for.
func (h *Host) allowed(imports []meter.Import) error {
	for _, i := range imports {
		name, isWASI := strings.CutPrefix(string(i), wasiModule+".")
		switch {
		case isWASI && slices.Contains(wasiNames(), name):
		case i == askImport && h.ask != nil:
		case i == askImport:
			return fmt.Errorf("%w: it asks a model, and there is none here to be asked", ErrHost)
		default:
			return fmt.Errorf("%w: it imports %s, which tasks have not: no files, network, clock or chance but the seed", ErrModule, i)
		}
	}
	return nil
}
