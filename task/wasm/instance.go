package wasm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"agora/task/wasm/meter"
)

const pageSize = 64 << 10

// errExit ends a module that calls proc_exit.
var errExit = errors.New("it ended itself")

// image is the state that every call starts from.
type image struct {
	memory  []byte
	globals []uint64
}

// instance is one running copy of a module. One call at a time.
type instance struct {
	module      api.Module
	globals     []api.MutableGlobal
	fuel, depth api.MutableGlobal
	budget      int64 // fuel of a call
}

func (m *Module) instantiate(ctx context.Context) (*instance, error) {
	// A trap in here can only be a data segment outside of memory: start functions are refused and _initialize is called by start.
	mod, err := m.host.runtime.InstantiateModule(ctx, m.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModule, err)
	}
	in := &instance{module: mod, budget: m.host.fuel}
	global := func(name string) api.MutableGlobal { return mod.ExportedGlobal(name).(api.MutableGlobal) }
	in.fuel, in.depth = global(meter.Fuel), global(meter.Depth)
	for _, name := range m.names {
		in.globals = append(in.globals, global(name))
	}
	return in, nil
}

func (in *instance) close(ctx context.Context) error { return in.module.Close(ctx) }

func (in *instance) memory() api.Memory { return in.module.Memory() }

func (in *instance) snapshot() image {
	view, _ := in.memory().Read(0, in.memory().Size())
	i := image{memory: append([]byte(nil), view...)}
	for _, g := range in.globals {
		i.globals = append(i.globals, g.Get())
	}
	return i
}

func (in *instance) restore(i *image) {
	view, _ := in.memory().Read(0, in.memory().Size())
	copy(view, i.memory)
	for n, g := range in.globals {
		g.Set(i.globals[n])
	}
}

// run calls a function of the module with this much fuel.
func (in *instance) run(ctx context.Context, w *world, fuel int64, name string, args ...uint64) (result uint64, err error) {
	in.fuel.Set(uint64(fuel))
	in.depth.Set(uint64(uint32(StackSlots)))
	return in.more(ctx, w, name, args...)
}

// more calls a function with the fuel that is left.
func (in *instance) more(ctx context.Context, w *world, name string, args ...uint64) (result uint64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrHost, r)
		}
	}()
	out, err := in.module.ExportedFunction(name).Call(context.WithValue(ctx, worldKey{}, w), args...)
	if err != nil {
		return 0, in.blame(w, name, err)
	}
	if len(out) > 0 {
		result = out[0]
	}
	return result, nil
}

// blame says why a call failed.
func (in *instance) blame(w *world, name string, err error) error {
	var lacking *hostError
	switch {
	case errors.As(err, &lacking):
		return fmt.Errorf("%w: %s: %w", ErrHost, name, lacking.error)
	case int64(in.fuel.Get()) < 0:
		return fmt.Errorf("%w: %s took more instructions than it may", ErrModule, name)
	case int32(in.depth.Get()) < 0:
		return fmt.Errorf("%w: %s calls itself too deep", ErrModule, name)
	}
	text := err.Error()
	if at := strings.IndexByte(text, '\n'); at >= 0 {
		text = text[:at] // without the stack
	}
	if said := strings.TrimSpace(string(w.said)); said != "" {
		text += ": " + firstLine(said)
	}
	return fmt.Errorf("%w: %s: %s", ErrModule, name, text)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// bytes calls a function with arguments that are integers or bytes, and returns a copy of the bytes that it points to, and the
// fuel that it took.
func (in *instance) bytes(ctx context.Context, w *world, name string, limit int, args []any) ([]byte, uint64, error) {
	in.fuel.Set(uint64(in.budget))
	in.depth.Set(uint64(uint32(StackSlots)))
	used := func() uint64 { return uint64(in.budget - int64(in.fuel.Get())) }
	flat, err := in.place(ctx, w, args)
	if err != nil {
		return nil, used(), err
	}
	at, err := in.more(ctx, w, name, flat...)
	if err != nil {
		return nil, used(), err
	}
	address, size := uint32(at>>32), uint32(at)
	if int64(size) > int64(limit) {
		return nil, used(), fmt.Errorf("%w: %s gives %d bytes, at most %d are read", ErrModule, name, size, limit)
	}
	view, ok := in.memory().Read(address, size)
	if !ok {
		return nil, used(), fmt.Errorf("%w: %s points outside of its memory", ErrModule, name)
	}
	return append([]byte(nil), view...), used(), nil
}

// place writes the bytes among the arguments into the module's memory: address and length of each, or the address alone of a
// *[32]byte.
func (in *instance) place(ctx context.Context, w *world, args []any) ([]uint64, error) {
	total := 0
	for _, a := range args {
		total += len(bytesOf(a))
	}
	if total == 0 {
		total = 1
	}
	base, err := in.more(ctx, w, "agora_alloc", uint64(total))
	if err != nil {
		return nil, err
	}
	at, flat := uint32(base), []uint64(nil)
	for _, a := range args {
		if n, isNumber := a.(uint64); isNumber {
			flat = append(flat, n)
			continue
		}
		data := bytesOf(a)
		if !in.memory().Write(at, data) {
			return nil, fmt.Errorf("%w: agora_alloc points outside of its memory", ErrModule)
		}
		flat = append(flat, uint64(at))
		if _, fixed := a.(*[32]byte); !fixed {
			flat = append(flat, uint64(len(data)))
		}
		at += uint32(len(data))
	}
	return flat, nil
}

func bytesOf(a any) []byte {
	switch v := a.(type) {
	case []byte:
		return v
	case *[32]byte:
		return v[:]
	}
	return nil
}
