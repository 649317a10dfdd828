// Package wasm runs tasks that anybody wrote: WebAssembly modules, published by their digest, in a sandbox that gives the same items
// and scores on every machine.
//
// # The interface, version 1
//
// A module exports its memory as "memory" and these functions. Numbers are little endian; a result of type i64 is the address of
// bytes in the module's memory, shifted left by 32, and their number; 0 says that there are none.
//
//	agora_task_v1()                                              marks the version; never called
//	agora_alloc(n i32) i32                                       n bytes that the host may write, until the next call
//	agora_describe() i64                                         JSON, a Description; at most 4 KiB
//	agora_item(seed i32, index i64) i64                          seed: address of 32 bytes
//	agora_score(key i32, n i32, answer i32, n i32) i64           key: of the item; answer: the body that came back, at most 1 MiB
//
// An item is three fields, each with its length in four bytes before it: the path that it is sent to ("/v1/chat/completions",
// "/v1/completions", "/v1/embeddings", "/v1/audio/speech"), the request (a JSON object, at most 256 KiB, without "stream", which is the judge's to
// add), and a key of at most 64 KiB that the host keeps and hands back to agora_score. A score is an f64 in [0, 1] and after it a
// reason in UTF-8, at most 1 KiB.
//
// Optionally it exports _initialize(), which runs once. What memory and globals hold then is what every later call starts from: a call
// leaves nothing behind, so an item follows from module, seed and index alone, and a score from module, key and answer.
//
// A module may import wasi_snapshot_preview1, as compilers want it, and gets a world in which nothing happens: no files, no
// arguments, a clock that begins at the same instant and moves when it is read, and a fixed stream instead of chance. It may import
// agora.ask (see Asker). Nothing else.
//
// # Bounds
//
// 64 MiB of memory, 8 MiB of module; fuel, counted in instructions (package meter): StartFuel for _initialize, CallFuel for each call;
// a stack of StackSlots. A module that traps, runs out of fuel or breaks the interface gives ErrModule, on every machine alike: no item, or
// the score 0 for this answer. What only this machine lacks is ErrHost, and says nothing about anybody's answer.
package wasm

import "errors"

// Bounds of the interface; the package's comment says what each of them bounds.
const (
	MaxDescription = 4 << 10
	MaxRequest     = 256 << 10
	MaxKey         = 64 << 10
	MaxAnswer      = 1 << 20
	MaxReason      = 1 << 10

	StartFuel  = 2_000_000_000 // instructions of _initialize
	CallFuel   = 200_000_000   // instructions of an item, a score or a description
	StackSlots = 2 << 20       // of 8 bytes
)

var (
	// ErrModule says that a module failed or broke its interface. It is the same on every machine.
	ErrModule = errors.New("the task's module failed")
	// ErrHost says that this machine could not run a module. Nothing follows from it for anybody's answer.
	ErrHost = errors.New("this machine cannot run the task's module")
)
