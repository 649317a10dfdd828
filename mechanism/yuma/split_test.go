package yuma_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"agora/mechanism/yuma"
)

func TestRecordedSplitsAreReproduced(t *testing.T) {
	text, err := os.ReadFile("testdata/split_emissions.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			ID     string
			Alpha  uint64
			Count  int
			Split  []uint16
			Expect []uint64
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 3 {
		t.Fatalf("%d cases, want 3", len(file.Cases))
	}
	for _, c := range file.Cases {
		if got := yuma.SplitEmission(c.Alpha, c.Count, c.Split); !slices.Equal(got, c.Expect) {
			t.Errorf("%s: got %v, want %v", c.ID, got, c.Expect)
		}
	}
}

func TestSplittingLosesNoRao(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		emission := rapid.Uint64().Draw(t, "emission")
		count := rapid.IntRange(-1, 20).Draw(t, "count")
		split := rapid.SliceOfN(rapid.Uint16(), 0, 24).Draw(t, "split")
		if rapid.Bool().Draw(t, "even") {
			split = nil
		}
		parts := yuma.SplitEmission(emission, count, split)
		if len(parts) != max(count, 0) {
			t.Fatalf("%d parts, want %d", len(parts), count)
		}
		var total uint64
		for _, part := range parts {
			total += part
		}
		if count > 0 && total != emission {
			t.Fatalf("parts add up to %d of %d", total, emission)
		}
	})
}

func TestUpscalingKeepsZerosAndReachesTheTop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.Uint16()).Draw(t, "values")
		scaled := yuma.MaxUpscale(values)
		if len(values) > 0 && slices.Max(values) > 0 && slices.Max(scaled) != 65535 {
			t.Fatalf("greatest is %d", slices.Max(scaled))
		}
		for k, v := range values {
			if v == 0 && scaled[k] != 0 {
				t.Fatal("a zero became positive")
			}
		}
	})
}
