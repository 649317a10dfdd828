package near

import (
	"context"
	"math"
	"strings"
	"testing"

	"agora/engine/native/gguf"
	"agora/engine/native/llm"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"

	"agora/engine"
	"agora/wire/openai"
)

// random is a small model of random weights.
func random(t *testing.T, seed uint64, of tensor.Type) *llm.Engine {
	t.Helper()
	f, err := gguf.Parse(modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{of}, Embedding: tensor.Q80, Output: true, Width: 64, Seed: seed}))
	if err != nil {
		t.Fatal(err)
	}
	e, err := llm.New(f, llm.Options{Name: "random", Context: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// says is what a model answers.
func says(e engine.Chatter) func(context.Context, *openai.ChatRequest) (string, error) {
	return func(ctx context.Context, r *openai.ChatRequest) (string, error) {
		var text strings.Builder
		_, _, err := e.Chat(ctx, r, func(t engine.Token) error {
			text.Write(t.Bytes)
			return nil
		})
		return text.String(), err
	}
}

func TestAModelIsNearItselfAndFarFromAnother(t *testing.T) {
	own := random(t, 1, tensor.Q41)
	measure := func(e engine.Chatter) Figures {
		f, err := Calibrate(t.Context(), own, says(e), "s", 12, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	self, rough, other := measure(own), measure(random(t, 1, tensor.Q40)), measure(random(t, 2, tensor.Q41))
	t.Logf("itself %.4f, in fewer bits %.4f, another model %.4f", self.Distance, rough.Distance, other.Distance)
	if self.Answers != 12 || self.Distance >= rough.Distance || rough.Distance >= other.Distance {
		t.Errorf("itself %+v, in fewer bits %+v, another model %+v", self, rough, other)
	}
}

func TestOnlyWarmOrFormedRequestsCannotBeMeasured(t *testing.T) {
	own, warm := random(t, 1, tensor.Q41), 0.7
	for _, spoil := range []func(*openai.ChatRequest){
		func(r *openai.ChatRequest) { r.Temperature = &warm },
		func(r *openai.ChatRequest) { two := 2; r.N = &two },
		func(r *openai.ChatRequest) { r.Stop = []string{"a"} },
		func(r *openai.ChatRequest) { r.ResponseFormat = &openai.ResponseFormat{Type: "json_object"} },
	} {
		r := Question("s", 1)
		spoil(r)
		if gaps, err := own.Gaps(t.Context(), r, "abc"); err == nil {
			t.Errorf("%+v: %v", r, gaps)
		}
	}
	if gaps, err := own.Gaps(t.Context(), Question("s", 1), ""); err != nil || len(gaps) != 1 {
		t.Errorf("an empty answer: %v %v", gaps, err)
	}
}

func TestATallyForgets(t *testing.T) {
	var tally Tally
	for range 1000 {
		tally.Add([]float64{1, 0, math.Inf(1), -3})
	}
	if d := tally.Distance(); math.Abs(d-(MaxGap+1)/4.) > 1e-9 || math.Abs(tally.Peak()-MaxGap) > 1e-9 || tally.Answers > Answers+1e-9 {
		t.Errorf("%+v: %g", tally, d)
	}
	for range 1000 {
		tally.Add([]float64{0})
	}
	if tally.Distance() > 1e-4 {
		t.Errorf("it does not forget: %+v", tally)
	}
	tally.Add(nil)
	if (Tally{}).Distance() != 0 || (Tally{}).Peak() != 0 || tally.Answers > Answers+1e-9 {
		t.Error("nothing is something")
	}
}

// The calibrations that come with the program tell honest servers from others.
func TestWhatWasMeasuredTellsThemApart(t *testing.T) {
	list, err := Measured()
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	for _, c := range list {
		if found, ok := Of(c.Digest, c.Engine); !ok || found.Honest != c.Honest || c.Honest.Answers < 50 || len(c.Others) < 3 {
			t.Errorf("%s on %s: %+v", c.Model, c.Engine, c)
		}
		for name, o := range c.Others {
			if o.Peak < 2*c.Honest.Peak {
				t.Errorf("%s is as near as an honest server: %+v, %+v", name, o, c.Honest)
			}
		}
	}
	if _, ok := Of("sha256:00", "llamacpp"); ok {
		t.Error("a calibration of nothing")
	}
}
