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

// instance is one running copy of a module. One call at a time.
type instance struct {
	module      api.Module
	view        *view                   // of the image's pages; nil where memory is copied
	functions   map[string]api.Function // each with a stack of its own, which is made once
	globals     []api.MutableGlobal
	fuel, depth api.MutableGlobal
	budget      int64 // fuel of a call
}

// instantiate makes an instance over a view of the image, which may be nil.
func (m *Module) instantiate(ctx context.Context, v *view) (*instance, error) {
	// A trap in here can only be a data segment outside of memory: start functions are refused and _initialize is called by start.
	mod, err := m.host.runtime.InstantiateModule(v.into(ctx), m.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModule, err)
	}
	in := &instance{module: mod, view: v, functions: map[string]api.Function{}, budget: m.host.fuel}
	global := func(name string) api.MutableGlobal { return mod.ExportedGlobal(name).(api.MutableGlobal) }
	in.fuel, in.depth = global(meter.Fuel), global(meter.Depth)
	for _, name := range m.names {
		in.globals = append(in.globals, global(name))
	}
	return in, nil
}

func (in *instance) close(ctx context.Context) error { return in.module.Close(ctx) }

func (in *instance) memory() api.Memory { return in.module.Memory() }

func (in *instance) snapshot(from int) image {
	memory, _ := in.memory().Read(0, in.memory().Size())
	var globals []uint64
	for _, g := range in.globals {
		globals = append(globals, g.Get())
	}
	return newImage(memory, globals, from)
}

// restore puts the instance into the state of an image, as large as its memory is.
func (in *instance) restore(i *image) error {
	for n, g := range in.globals {
		g.Set(i.globals[n])
	}
	if in.view != nil {
		return in.view.reset()
	}
	memory, _ := in.memory().Read(0, in.memory().Size())
	copy(memory, i.memory)
	return nil
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
	f := in.functions[name]
	if f == nil {
		f = in.module.ExportedFunction(name)
		in.functions[name] = f
	}
	out, err := f.Call(context.WithValue(ctx, worldKey{}, w), args...)
	if err != nil {
		delete(in.functions, name) // it ended somewhere within
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
