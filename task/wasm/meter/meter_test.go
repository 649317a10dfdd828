package meter_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"agora/task/wasm/assemble"
	"agora/task/wasm/meter"
)

func runtime(t testing.TB, c wazero.RuntimeConfig) wazero.Runtime {
	r := wazero.NewRuntimeWithConfig(context.Background(), c.WithCoreFeatures(api.CoreFeaturesV2&^api.CoreFeatureSIMD).WithMemoryLimitPages(meter.MaxPages))
	t.Cleanup(func() { r.Close(context.Background()) })
	return r
}

// metered instantiates a rewritten module with this much fuel.
func metered(t testing.TB, code []byte, fuel int64) api.Module {
	t.Helper()
	result, err := meter.Rewrite(code)
	if err != nil {
		t.Fatal(err)
	}
	m, err := runtime(t, wazero.NewRuntimeConfig()).Instantiate(t.Context(), result.Code)
	if err != nil {
		t.Fatal(err)
	}
	m.ExportedGlobal(meter.Fuel).(api.MutableGlobal).Set(uint64(fuel))
	m.ExportedGlobal(meter.Depth).(api.MutableGlobal).Set(1 << 20)
	return m
}

// A loop of n rounds: local 0 counts down to zero.
var countdown = assemble.Func{
	Name: "f", Params: []byte{assemble.I32}, Results: []byte{assemble.I32},
	Code: []byte{0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x41, 7},
}

func TestFuelCountsInstructions(t *testing.T) {
	m := metered(t, assemble.Module(1, nil, countdown), 1000)
	out, err := m.ExportedFunction("f").Call(t.Context(), 100)
	if err != nil || out[0] != 7 {
		t.Fatal(out, err)
	}
	if left := int64(m.ExportedGlobal(meter.Fuel).Get()); left != 1000-100*5-1 {
		t.Errorf("fuel left is %d, want %d: 100 rounds of 5 instructions and one after them", left, 1000-501)
	}
	if _, err := m.ExportedFunction("f").Call(t.Context(), 100); err == nil {
		t.Error("it goes on without fuel")
	}
}

func TestReturnsGiveTheFrameBack(t *testing.T) {
	leaf := assemble.Func{Code: []byte{0x01}}
	caller := assemble.Func{Name: "f", Params: []byte{assemble.I32}, Results: []byte{assemble.I32, assemble.I64}, Code: []byte{
		0x10, 0, // call the leaf
		0x20, 0, 0x04, 0x40, 0x41, 1, 0x42, 2, 0x0f, 0x0b, // if: return 1, 2
		0x41, 3, 0x42, 4,
	}}
	m := metered(t, assemble.Module(1, nil, leaf, caller), 1000)
	for arg, want := range map[uint64]uint64{0: 3, 1: 1} {
		out, err := m.ExportedFunction("f").Call(t.Context(), arg)
		if err != nil || out[0] != want || out[1] != want+1 {
			t.Errorf("f(%d) = %v, %v", arg, out, err)
		}
		if left := m.ExportedGlobal(meter.Depth).Get(); left != 1<<20 {
			t.Errorf("after f(%d) the stack has %d slots left", arg, left)
		}
	}
}

// The bits of a NaN are left to the machine by WebAssembly; a module must not see them.
func TestNaNIsCanonicalWhereItsBitsAreSeen(t *testing.T) {
	nan := []byte{0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0xa3} // 0/0: negative on amd64, positive on arm64
	odd := []byte{0x44, 1, 2, 3, 4, 5, 6, 0xf7, 0xff}
	for name, make := range map[string][]byte{"0/0": nan, "of odd bits": odd} {
		see := assemble.Func{Name: "see", Results: []byte{assemble.I64}, Code: append(make, 0xbd)}
		store := assemble.Func{Name: "store", Results: []byte{assemble.I64}, Code: append(append([]byte{0x41, 0}, make...), 0x39, 3, 0, 0x41, 0, 0x29, 3, 0)}
		one := []byte{0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f}
		sign := assemble.Func{Name: "sign", Results: []byte{assemble.I64}, Code: append(append(one, make...), 0xa6, 0xbd)}
		m := metered(t, assemble.Module(1, nil, see, store, sign), 1000)
		for f, want := range map[string]uint64{"see": 0x7ff8000000000000, "store": 0x7ff8000000000000, "sign": 0x3ff0000000000000} {
			if out, err := m.ExportedFunction(f).Call(t.Context()); err != nil || out[0] != want {
				t.Errorf("%s %s gives %#x, %v, want %#x", f, name, out, err, want)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for want, code := range map[string][]byte{
		"no global 1":       {0x23, 1, 0x1a}, // the fuel counter of the rewritten module
		"no function 1":     {0x10, 1},       // a function that the rewrite adds
		"no local 0":        {0x20, 0, 0x1a}, // a local that the rewrite adds
		"passive segments":  {0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 8, 0, 0},
		"writes to a table": {0x41, 0, 0xd2, 0, 0x26, 0},
		"0xfd":              {0xfd, 12},
		"0x12":              {0x12, 0},
		"nested more":       []byte(strings.Repeat("\x02\x40", 5000) + strings.Repeat("\x0b", 5000)),
		"ends too early":    {0x44, 0},
	} {
		_, err := meter.Rewrite(assemble.Module(1, nil, assemble.Func{Code: code}))
		if !errors.Is(err, meter.ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := meter.Rewrite(assemble.Module(1025, nil)); !errors.Is(err, meter.ErrRefused) {
		t.Errorf("65 MiB of memory: %v", err)
	}
	if _, err := meter.Rewrite([]byte("#!/bin/sh")); !errors.Is(err, meter.ErrRefused) {
		t.Errorf("a script: %v", err)
	}
}

// FuzzRewrite holds the rewrite to this: it never panics, and what an engine accepts before it accepts after it.
func FuzzRewrite(f *testing.F) {
	sums, err := os.ReadFile("../../kit/sums/sums.wasm")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sums)
	f.Add(assemble.Module(1, []byte("x"), countdown))
	f.Add(assemble.Task([]byte{0x42, 0}, []byte{0x42, 0}))
	r := runtime(f, wazero.NewRuntimeConfigInterpreter())
	f.Fuzz(func(t *testing.T, code []byte) {
		result, err := meter.Rewrite(code)
		if err != nil {
			return
		}
		before, err := r.CompileModule(t.Context(), code)
		if err != nil {
			return
		}
		defer before.Close(t.Context())
		after, err := r.CompileModule(t.Context(), result.Code)
		if err != nil {
			t.Fatalf("the module compiles, rewritten it does not: %v", err)
		}
		after.Close(t.Context())
	})
}
