package wasm

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"agora/task"
	"agora/task/wasm/meter"
)

// A module carries its source under its digest, and asks and scores as it did.
func TestAModuleCarriesItsSource(t *testing.T) {
	files := []File{{"main.go", "package main\n"}, {"words.go", "// größer <b>\n"}}
	with, err := WithSource(sums(t), files)
	if err != nil {
		t.Fatal(err)
	}
	if got := SourceOf(with); !slices.Equal(got, files) {
		t.Errorf("it carries %v", got)
	}
	if DigestOf(with) == DigestOf(sums(t)) {
		t.Error("the digest does not cover the source")
	}
	host, err := NewHost(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close(context.Background()) })
	var bodies [2][]byte
	for i, code := range [][]byte{sums(t), with} {
		m, err := host.Load(t.Context(), code)
		if err != nil {
			t.Fatal(err)
		}
		item, err := m.Item(t.Context(), task.Seed{1}, 7)
		if err != nil {
			t.Fatal(err)
		}
		bodies[i] = item.Body
		if got := m.Source(); len(got) != 2*i {
			t.Errorf("module %d has the source %v", i, got)
		}
	}
	if !bytes.Equal(bodies[0], bodies[1]) {
		t.Error("the source changes what it asks")
	}
}

func TestWhatIsNoSourceIsNone(t *testing.T) {
	for name, files := range map[string][]File{
		"none": nil, "no name": {{"", "x"}}, "no text": {{"a", "\xff"}}, "too long": {{"a", strings.Repeat("x", MaxSource+1)}},
		"too many": make([]File, MaxSourceFiles+1),
	} {
		if _, err := WithSource(sums(t), files); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	for name, code := range map[string][]byte{
		"no section": sums(t), "no module": []byte("agora_source"), "no JSON": meter.WithCustom(sums(t), sourceSection, []byte("{")),
		"bad": meter.WithCustom(sums(t), sourceSection, []byte(`[{"name":"","text":""}]`)), "cut": mustCarry(t)[:len(mustCarry(t))-3],
		"vast": meter.WithCustom(sums(t), sourceSection, bytes.Repeat([]byte(" "), 9*MaxSource)),
	} {
		if got := SourceOf(code); got != nil {
			t.Errorf("%s: source %v", name, got)
		}
	}
}

func mustCarry(t testing.TB) []byte {
	code, err := WithSource(sums(t), []File{{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func FuzzSourceOf(f *testing.F) {
	f.Add(mustCarry(f))
	f.Add(sums(f)[:40])
	f.Fuzz(func(t *testing.T, code []byte) {
		files := SourceOf(code)
		if files != nil && checkSource(files) != nil {
			t.Errorf("it takes %v", files)
		}
	})
}
