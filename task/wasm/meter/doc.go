// Package meter rewrites a WebAssembly module so that every machine runs it alike and none for longer than it is allowed.
//
// An engine bounds neither time nor recursion in a way that two machines agree about, and leaves the bits of a NaN open. So the
// module counts itself:
//
//   - Fuel. Each straight run of instructions takes its length from a counter before it starts; the counter is checked where a
//     function or a loop begins, and an empty one traps. Copying and filling memory costs one for each 8 bytes, growing it 8,192
//     for each page.
//   - Depth. A function that calls takes its frame, in slots of 8 bytes, from a second counter and gives it back when it returns.
//   - NaN. Before its bits can be seen (a store, a reinterpretation, the sign of a copysign) a NaN becomes the canonical one.
//
// What would keep state outside memory and globals, or cannot be counted, is refused: vectors, threads, exceptions, tail calls,
// writing to tables, passive segments, a start function. All globals are exported under names of this package, so that a host can
// put an instance back to an earlier state.
package meter

import "errors"

// Names under which the rewritten module exports its counters (both mutable: Fuel i64, Depth i32) and, with a number after it, each
// of its mutable globals.
const (
	Fuel   = "meter.fuel"
	Depth  = "meter.depth"
	Global = "meter.global."
)

// Bounds on what a module may declare.
const (
	MaxBytes  = 8 << 20 // of the file
	MaxPages  = 1024    // of memory, of 64 KiB each: 64 MiB
	maxBody   = 1 << 20 // bytes of one function
	maxLocals = 4096    // of one function, parameters included
	maxTable  = 1 << 16 // entries of one table
	maxNest   = 4096    // blocks within blocks
	maxCount  = 1 << 17 // types, functions, globals, exports, segments
)

// ErrRefused marks a module that this package does not rewrite; the text says what in it, and what to do.
var ErrRefused = errors.New("module refused")
