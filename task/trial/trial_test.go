package trial

import (
	"context"
	"os"
	"strings"
	"testing"

	"agora/task"
	"agora/task/wasm"
	"agora/task/wasm/assemble"
)

func load(t *testing.T, code []byte) *wasm.Module {
	t.Helper()
	h, err := wasm.NewHost(t.Context(), wasm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(context.Background()) })
	m, err := h.Load(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTrialOfAGoodTaskAndAHalfGoodModel(t *testing.T) {
	code, err := os.ReadFile("../kit/sums/sums.wasm")
	if err != nil {
		t.Fatal(err)
	}
	m := load(t, code)
	n := 0
	r, err := Run(t.Context(), m, 12, task.Seed{2}, func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		item, err := m.Item(ctx, task.Seed{2}, uint64(n))
		if n++; n%2 == 0 {
			return completion("7000000"), err
		}
		return completion(string(item.Key)), err
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Mean != 0.5 || r.Histogram[0] != 6 || r.Histogram[9] != 6 || len(r.Warnings) > 0 {
		t.Errorf("mean %v, histogram %v, warnings %v", r.Mean, r.Histogram, r.Warnings)
	}
	if text := r.Text(); !strings.Contains(text, "no warning") || !strings.Contains(text, "What is ") {
		t.Error(text)
	}
}

// A task that always asks the same and is content with everything.
func TestWarnings(t *testing.T) {
	one := append([]byte{0x41, 0, 0x42}, assemble.Signed(0x3ff0000000000000)...)
	score := append(append(one, 0x37, 3, 0), assemble.Point(0, 8)...)
	m := load(t, assemble.Task(assemble.Point(assemble.ItemAt, len(assemble.Item)), score))
	r, err := Run(t.Context(), m, 5, task.Seed{}, func(context.Context, string, []byte) ([]byte, error) { return completion("x"), nil })
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(r.Warnings, "\n")
	for _, want := range []string{"without a model earns", "items repeat: 4 of 5", "scores never differ"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q among:\n%s", want, all)
		}
	}
}
