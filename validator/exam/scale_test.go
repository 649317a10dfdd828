package exam

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"agora/engine/native/llm"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
	"agora/mechanism/frontier"
)

// sizes gives models of random weights, written when they are asked for: the largest of 64 has 1,500 times the weights of the smallest.
type sizes struct {
	dir     string
	width   func(i int) int
	made    time.Duration // processor time of writing files, which no examiner spends
	weights int64
}

func (s *sizes) Open(_ context.Context, m Listed) (*Specimen, error) {
	began := processor()
	path := filepath.Join(s.dir, "model.gguf")
	file := modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q40}, Embedding: tensor.Q80, Width: s.width(int(m.Digest[0])), Seed: 1})
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return nil, err
	}
	s.made += processor() - began
	e, err := llm.Open(path, llm.Options{Template: "chatml"})
	if err != nil {
		return nil, err
	}
	s.weights += e.Parameters()
	return &Specimen{Subject: e, Parameters: uint64(e.Parameters()), Close: e.Close}, nil
}

// processor is the time that this process has worked.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A tempo of 12 minutes is enough for 64 models of 0.1 to 137 million parameters and 4 items on one core.
func TestSixtyFourModelsAreExaminedWithinATempo(t *testing.T) {
	if os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("minutes; AGORA_NIGHTLY=1 runs it")
	}
	const models, items, widest, narrowest, step = 64, 4, 2752, 64, 64 // the engine's heads are multiples of 16
	s := &sizes{dir: t.TempDir(), width: func(i int) int {
		return int(narrowest*math.Pow(widest/narrowest, float64(i)/(models-1))+step/2) / step * step
	}}
	contest, err := ParseContest("exact:3+grammar:1")
	if err != nil {
		t.Fatal(err)
	}
	var questions []Question
	for i := range uint64(items) {
		item, err := contest.Item(t.Context(), Drawn{Seed: [32]byte{1}}, i)
		if err != nil {
			t.Fatal(err)
		}
		questions = append(questions, item...)
	}
	room, began := NewRoom(s, 1), processor()
	for i := range models {
		m := Listed{Model: frontier.Model{Digest: [32]byte{byte(i)}}}
		at, weights := processor()-s.made, s.weights
		specimen, err := s.Open(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range questions {
			if _, err := room.put(context.Background(), specimen, q); err != nil {
				t.Fatal(err)
			}
		}
		if err := specimen.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%3d: %8.2f M parameters, %6.2f s", i, float64(s.weights-weights)/1e6, (processor() - s.made - at).Seconds())
	}
	spent := processor() - began - s.made
	t.Logf("%d models of %.0f M parameters together: %.0f s of processor time", models, float64(s.weights)/1e6, spent.Seconds())
	if spent > 12*time.Minute {
		t.Errorf("%v", spent)
	}
}
