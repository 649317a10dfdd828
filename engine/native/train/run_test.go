package train

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"agora/engine"
	"agora/engine/native/chat"
	"agora/wire/openai"
)

var small = Rung{Name: "chat-test", Width: 64, Layers: 2, Hidden: 96, Steps: 2, Rate: 4e-3, Context: 96, Seed: 1}

func testVocabulary(t testing.TB) *chat.Vocabulary {
	t.Helper()
	v, err := chat.NewVocabulary(Vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newRun(t testing.TB, r Rung) *run {
	t.Helper()
	usable(t)
	return start(r, testVocabulary(t))
}

// Along each tensor's own gradient the loss must fall at the rate of the gradient's squared norm.
func TestGradientIsTheLossesSlope(t *testing.T) {
	r := newRun(t, small)
	for kind := range kinds() {
		r.batch.add(r.vocab, draw(r.source, kind), kind, small.Context)
	}
	m := r.model
	loss := func() float64 {
		m.forward(r.acts, &r.batch)
		return m.loss(r.acts, &r.batch, r.hit)
	}
	loss()
	m.backward(r.acts, &r.batch)
	for i, p := range m.all {
		want := float64(dot(p.g, p.g))
		step := float32(0.01 / math.Sqrt(want))
		axpy(p.w, step, p.g)
		up := loss()
		axpy(p.w, -2*step, p.g)
		down := loss()
		axpy(p.w, step, p.g)
		if got := (up - down) / (2 * float64(step)); math.Abs(got-want) > 0.03*want {
			t.Errorf("tensor %d: slope %v, gradient %v", i, got, want)
		}
	}
}

func TestSameSeedGivesTheSameWeights(t *testing.T) {
	usable(t)
	v := testVocabulary(t)
	file := func(r Rung) []byte {
		w, p, err := Run(r, v, 100, func(Progress) {})
		if err != nil || p.Turns == 0 {
			t.Fatal(err, p)
		}
		return w.Marshal(v)
	}
	one, two := file(small), file(small)
	if !bytes.Equal(one, two) {
		t.Error("two runs of one rung differ")
	}
	other := small
	other.Seed++
	if bytes.Equal(one, file(other)) {
		t.Error("the seed changes nothing")
	}
}

func TestTrainingLowersTheLoss(t *testing.T) {
	r := newRun(t, small)
	r.rung.Steps = 20
	var first float64
	for step := range 20 {
		if err := r.step(step); err != nil {
			t.Fatal(err)
		}
		if step == 0 {
			first = r.loss
		}
	}
	if r.loss > 0.98*first {
		t.Errorf("loss went from %v to %v", first, r.loss)
	}
}

func TestHeldOutQuestionsAreNeverTrainedOn(t *testing.T) {
	r := newRun(t, small)
	for range 5000 {
		if q, _ := r.question(); q.HeldOut() {
			t.Fatalf("%+v", q)
		}
	}
}

// The engine that serves must compute what the trainer computes: per question the same first token, as probable.
func TestEngineAgreesWithTheTrainer(t *testing.T) {
	r := newRun(t, small)
	e, err := chat.Load("chat-test", r.model.weights().Marshal(r.vocab), r.vocab)
	if err != nil {
		t.Fatal(err)
	}
	for kind := range kinds() {
		q := draw(r.source, kind)
		r.batch.reset()
		r.batch.add(r.vocab, q, kind, small.Context)
		r.model.forward(r.acts, &r.batch)
		want, logprob := mostProbable(r.acts.logits[:r.vocab.Size()])
		text, got := firstToken(t, e, q.Text)
		if text != r.vocab.Decode([]int32{want}) || math.Abs(got-logprob) > 0.01 { // the engine's weights are halves
			t.Errorf("%q: engine begins with %q at %.4f, trainer with %q at %.4f", q.Text, text, got, r.vocab.Text(want), logprob)
		}
	}
}

func mostProbable(logits []float32) (best int32, logprob float64) {
	for i, l := range logits {
		if l > logits[best] {
			best = int32(i)
		}
	}
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l - logits[best]))
	}
	return best, -math.Log(sum)
}

// firstToken is "" at log-probability 0 for an answer that ends before it begins.
func firstToken(t *testing.T, e *chat.Engine, text string) (first string, logprob float64) {
	t.Helper()
	one := 1
	req := &openai.ChatRequest{Messages: []openai.Message{{Role: "user", Content: openai.Content(text)}}, MaxTokens: &one}
	if _, _, err := e.Chat(context.Background(), req, func(tok engine.Token) error {
		first, logprob = string(tok.Bytes), tok.Logprob
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return first, logprob
}

func TestMakeWritesWeightsAndCards(t *testing.T) {
	usable(t)
	defer func(l []Rung) { Ladder = l }(Ladder)
	Ladder = []Rung{small}
	o := Options{Dir: t.TempDir(), Vocabulary: true, Questions: 20}
	var log bytes.Buffer
	if err := Make(o, &log); err != nil {
		t.Fatal(err)
	}
	cards, err := o.cards()
	if err != nil || len(cards) != 1 {
		t.Fatalf("%v, %v", cards, err)
	}
	c := cards[0]
	if c.Name != small.Name || c.Steps != small.Steps || c.Questions != 20 || c.Kernel != Kernel || c.Digest == "" || c.Parameters != small.shape(VocabularySize).Parameters() {
		t.Errorf("%+v", c)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, small.Name+".bin")); err != nil {
		t.Error(err)
	}
}

func TestLadderOnlyNamesWhatItCanTrain(t *testing.T) {
	if err := Make(Options{Dir: t.TempDir(), Only: []string{"chat-none"}, Vocabulary: true}, &bytes.Buffer{}); err == nil {
		t.Error("an unknown rung is passed over in silence")
	}
	for _, r := range Ladder {
		if err := r.shape(VocabularySize).Check(); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	for _, rung := range []Rung{Ladder[1], Ladder[len(Ladder)-1]} {
		b.Run(rung.Name, func(b *testing.B) {
			r, tokens := newRun(b, rung), 0
			for b.Loop() {
				if err := r.step(0); err != nil {
					b.Fatal(err)
				}
				tokens += len(r.batch.tokens)
			}
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}
