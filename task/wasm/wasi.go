package wasm

import (
	"context"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/tetratelabs/wazero/api"

	"agora/task/wasm/meter"
)

const wasiModule = "wasi_snapshot_preview1"

// WASI's numbers for what became of a call.
const (
	wasiOK    = 0
	wasiBadFD = 8
	wasiFault = 21
	wasiNoSys = 52
)

// world is what one call of a module sees of the outside: nothing that another call on another machine would not see.
type world struct {
	clock  uint64 // nanoseconds since the epoch
	chance *rand.ChaCha8
	said   []byte // on the standard outputs, for whoever tries a task out
	asked  asked
}

const (
	worldBegins = 1_000_000_000_000_000_000 // an instant in 2001
	clockStep   = 1_000_000                 // a millisecond for each look
	maxSaid     = 4 << 10
)

func newWorld() *world { return &world{clock: worldBegins, chance: rand.NewChaCha8([32]byte{})} }

type worldKey struct{}

func worldOf(ctx context.Context) *world { return ctx.Value(worldKey{}).(*world) }

// wasiFunc answers one call: params are its arguments; the result is WASI's error number.
type wasiFunc func(w *world, m api.Module, params []uint64) uint32

// wasiCalls are the functions of WASI that modules may import, with their parameters' types.
var wasiCalls = map[string]struct {
	params string // i for i32, I for i64
	do     wasiFunc
}{
	"args_get":              {"ii", func(*world, api.Module, []uint64) uint32 { return wasiOK }},
	"args_sizes_get":        {"ii", zeros(0, 1)},
	"environ_get":           {"ii", func(*world, api.Module, []uint64) uint32 { return wasiOK }},
	"environ_sizes_get":     {"ii", zeros(0, 1)},
	"clock_time_get":        {"iIi", (*world).now},
	"clock_res_get":         {"ii", func(_ *world, m api.Module, p []uint64) uint32 { return put64(m, p[1], clockStep) }},
	"random_get":            {"ii", (*world).random},
	"fd_write":              {"iiii", (*world).write},
	"poll_oneoff":           {"iiii", (*world).poll},
	"sched_yield":           {"", func(*world, api.Module, []uint64) uint32 { return wasiOK }},
	"fd_close":              {"i", noFile},
	"fd_fdstat_get":         {"ii", noFile},
	"fd_fdstat_set_flags":   {"ii", noFile},
	"fd_filestat_get":       {"ii", noFile},
	"fd_filestat_set_size":  {"iI", noFile},
	"fd_pread":              {"iiiIi", noFile},
	"fd_prestat_get":        {"ii", noFile},
	"fd_prestat_dir_name":   {"iii", noFile},
	"fd_pwrite":             {"iiiIi", noFile},
	"fd_read":               {"iiii", noFile},
	"fd_readdir":            {"iiiIi", noFile},
	"fd_seek":               {"iIii", noFile},
	"fd_sync":               {"i", noFile},
	"fd_tell":               {"ii", noFile},
	"path_create_directory": {"iii", noFile},
	"path_filestat_get":     {"iiiii", noFile},
	"path_filestat_set_times": {
		"iiiiIIi", noFile,
	},
	"path_link":             {"iiiiiii", noFile},
	"path_open":             {"iiiiiIIii", noFile},
	"path_readlink":         {"iiiiii", noFile},
	"path_remove_directory": {"iii", noFile},
	"path_rename":           {"iiiiii", noFile},
	"path_symlink":          {"iiiii", noFile},
	"path_unlink_file":      {"iii", noFile},
	"sock_accept":           {"iii", func(*world, api.Module, []uint64) uint32 { return wasiNoSys }},
	"sock_shutdown":         {"ii", func(*world, api.Module, []uint64) uint32 { return wasiNoSys }},
}

func wasiNames() []string { return append(slices.Collect(maps.Keys(wasiCalls)), "proc_exit") }

// wasi offers WASI's functions to modules.
func (h *Host) wasi(ctx context.Context) error {
	b := h.runtime.NewHostModuleBuilder(wasiModule)
	types := map[rune]api.ValueType{'i': api.ValueTypeI32, 'I': api.ValueTypeI64}
	for name, call := range wasiCalls {
		var params []api.ValueType
		for _, p := range call.params {
			params = append(params, types[p])
		}
		answer := api.GoModuleFunc(func(ctx context.Context, m api.Module, stack []uint64) {
			stack[0] = uint64(call.do(worldOf(ctx), m, stack[:len(params)]))
		})
		if len(params) == 0 {
			params = nil
		}
		b.NewFunctionBuilder().WithGoModuleFunction(answer, params, []api.ValueType{api.ValueTypeI32}).Export(name)
	}
	exit := api.GoModuleFunc(func(context.Context, api.Module, []uint64) { panic(errExit) })
	b.NewFunctionBuilder().WithGoModuleFunction(exit, []api.ValueType{api.ValueTypeI32}, nil).Export("proc_exit")
	_, err := b.Instantiate(ctx)
	return err
}

func noFile(*world, api.Module, []uint64) uint32 { return wasiBadFD }

// zeros writes a zero of four bytes at each of the addresses in these parameters.
func zeros(at ...int) wasiFunc {
	return func(_ *world, m api.Module, p []uint64) uint32 {
		for _, i := range at {
			if !m.Memory().WriteUint32Le(uint32(p[i]), 0) {
				return wasiFault
			}
		}
		return wasiOK
	}
}

func put64(m api.Module, at, v uint64) uint32 {
	if !m.Memory().WriteUint64Le(uint32(at), v) {
		return wasiFault
	}
	return wasiOK
}

// now moves the clock by one step at each look, so that what waits for time to pass gets there.
func (w *world) now(m api.Module, p []uint64) uint32 {
	w.clock += clockStep
	return put64(m, p[2], w.clock)
}

func (w *world) random(m api.Module, p []uint64) uint32 {
	at, n := uint32(p[0]), uint32(p[1])
	out, ok := m.Memory().Read(at, n)
	if !ok || !burn(m, uint64(n)) {
		return wasiFault
	}
	w.chance.Read(out) // never fails
	return wasiOK
}

// burn takes fuel for work that the host does; false where there is not enough, and the module traps at its next check.
func burn(m api.Module, n uint64) bool {
	g := m.ExportedGlobal(meter.Fuel).(api.MutableGlobal)
	left := int64(g.Get()) - int64(n)
	g.Set(uint64(left))
	return left >= 0
}

// write takes what goes to the standard outputs, and keeps its beginning.
func (w *world) write(m api.Module, p []uint64) uint32 {
	fd, list, n, written := uint32(p[0]), uint32(p[1]), uint32(p[2]), uint32(p[3])
	if fd != 1 && fd != 2 {
		return wasiBadFD
	}
	sum := uint32(0)
	for i := range n {
		at, ok1 := m.Memory().ReadUint32Le(list + 8*i)
		size, ok2 := m.Memory().ReadUint32Le(list + 8*i + 4)
		bytes, ok3 := m.Memory().Read(at, size)
		if !ok1 || !ok2 || !ok3 || !burn(m, 16) {
			return wasiFault
		}
		w.said = append(w.said, bytes[:min(len(bytes), maxSaid-len(w.said))]...)
		sum += size
	}
	if !m.Memory().WriteUint32Le(written, sum) {
		return wasiFault
	}
	return wasiOK
}

// A subscription's and an event's size, and where in them things stand.
const (
	subscription, subKind, subTimeout, subFlags = 48, 8, 24, 40
	event, eventError, eventKind                = 32, 8, 10
	maxPolled                                   = 64
)

// poll lets the time pass that a module waits for: all its subscriptions to the clock come true at once; files there are none.
func (w *world) poll(m api.Module, p []uint64) uint32 {
	in, out, n := uint32(p[0]), uint32(p[1]), uint32(p[2])
	if n > maxPolled || !burn(m, uint64(n)*64) {
		return wasiFault
	}
	for i := range n {
		sub, ok := m.Memory().Read(in+subscription*i, subscription)
		ev, ok2 := m.Memory().Read(out+event*i, event)
		if !ok || !ok2 {
			return wasiFault
		}
		kind, userdata := sub[subKind], slices.Clone(sub[:8])
		if kind == 0 {
			w.wait(binary.LittleEndian.Uint64(sub[subTimeout:]), sub[subFlags]&1 == 1)
		}
		clear(ev)
		copy(ev, userdata)
		ev[eventKind] = kind
		if kind != 0 {
			ev[eventError] = wasiBadFD
		}
	}
	if !m.Memory().WriteUint32Le(uint32(p[3]), n) {
		return wasiFault
	}
	return wasiOK
}

// wait moves the clock to an instant, or by a length of time.
func (w *world) wait(d uint64, absolute bool) {
	if absolute {
		w.clock = max(w.clock, d)
		return
	}
	w.clock += d
}
