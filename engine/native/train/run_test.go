package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agora/engine"
	"agora/engine/native/gguf"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/engine/native/template"
	"agora/engine/native/token"
	"agora/task/exact"
)

var small = Rung{Name: "chat-test", Shape: Shape{136, 64, 2, 96, 4, 2, 16, 1152}, Steps: 2, Parts: 2, Tokens: 600, Rate: 4e-3, Seed: 1}

func newRun(t testing.TB, r Rung) *run {
	t.Helper()
	usable(t)
	run, err := start(r)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// Along each tensor's own gradient the loss must fall at the rate of the gradient's squared norm.
func TestGradientIsTheLossesSlope(t *testing.T) {
	r := newRun(t, small)
	p := r.parts[0]
	p.batch.reset()
	d := &drawer{exact.NewSource([32]byte{1}), r.Running, true}
	for p.batch.add(r.vocab, d.draw(), 600-len(p.batch.tokens)) {
	}
	m := r.model
	loss := func() float64 {
		m.forward(p.acts, &p.batch)
		return m.loss(p.acts, &p.batch, p.hit, p.batch.weight()) / p.batch.weight()
	}
	loss()
	m.backward(p.acts, &p.batch)
	for i, p := range m.all {
		want := float64(dot(p.g, p.g))
		step := float32(0.05 / math.Sqrt(want)) // far above what bfloat16 rounds away
		axpy(p.w, step, p.g)
		up := loss()
		axpy(p.w, -2*step, p.g)
		down := loss()
		axpy(p.w, step, p.g)
		if got := (up - down) / (2 * float64(step)); math.Abs(got-want) > 0.15*want { // bfloat16 has 8 bits
			t.Errorf("tensor %d: slope %v, gradient %v", i, got, want)
		}
	}
}

func TestSameSeedGivesTheSameFile(t *testing.T) {
	usable(t)
	file := func(r Rung) []byte {
		file, p, err := Run(context.Background(), r, "", 100, func(Progress) {})
		if err != nil || p.Turns == 0 {
			t.Fatal(err, p)
		}
		return file
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

// A run that is ended and taken up again ends in the same file as one that is not.
func TestARunGoesOnWhereItWasEnded(t *testing.T) {
	usable(t)
	r := small
	r.Steps = 4
	whole, _, err := Run(context.Background(), r, "", 1, func(Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "run")
	ctx, end := context.WithCancel(context.Background())
	if _, _, err := Run(ctx, r, path, 1, func(p Progress) {
		if p.Step == 2 {
			end()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	again, p, err := Run(context.Background(), r, path, 1, func(Progress) {})
	if err != nil || !bytes.Equal(again, whole) {
		t.Errorf("after step %d the file differs: %v", p.Step, err)
	}
	other := small
	other.Width, other.Heads, other.KVHeads = 32, 2, 1
	if _, _, err := Run(context.Background(), other, path, 1, func(Progress) {}); err == nil || !strings.Contains(err.Error(), "another rung") {
		t.Errorf("another rung goes on from it: %v", err)
	}
}

func TestTrainingLowersTheLoss(t *testing.T) {
	r := newRun(t, small)
	r.rung.Steps, r.rung.Rate = 40, 0.02
	var first float64
	for step := range 12 {
		if err := r.step(); err != nil {
			t.Fatal(err)
		}
		if step == 0 {
			first = r.Loss
		}
	}
	if r.Loss > 0.995*first {
		t.Errorf("loss went from %v to %v", first, r.Loss)
	}
}

func TestHeldOutQuestionsAreNeverTrainedOn(t *testing.T) {
	s := exact.NewSource([32]byte{2})
	d := &drawer{s, make([]float64, kinds()), true}
	texts := map[string]bool{}
	for range 4000 {
		texts[d.question().question] = true
	}
	seen := 0
	for range 20000 {
		if q := exact.Draw(s, s.Intn(len(exact.Names()))); q.HeldOut() && texts[q.Text] {
			seen++
		}
	}
	if seen > 0 {
		t.Errorf("%d held-out questions were drawn", seen)
	}
}

// What is trained on is what the engine's template writes for the same conversation.
func TestConversationsAreWrittenAsTheTemplateWritesThem(t *testing.T) {
	v, err := NewVocabulary(maxWords)
	if err != nil {
		t.Fatal(err)
	}
	z, err := template.Detect(chatTemplate, "", marks[endToken])
	if err != nil || z.Name != "mistral-v3" || z.Begin {
		t.Fatalf("%v, %v", z, err)
	}
	d := &drawer{exact.NewSource([32]byte{3}), make([]float64, kinds()), true}
	for range 300 {
		c := d.draw()
		var asked template.Conversation
		if c.system != "" {
			asked.Turns = append(asked.Turns, template.Turn{Role: "system", Text: c.system})
		}
		ids, answers := v.render(c)
		for i, turn := range c.turns {
			asked.Turns = append(asked.Turns, template.Turn{Role: "user", Text: turn.question})
			parts, err := z.Render(asked)
			if err != nil {
				t.Fatal(err)
			}
			last := i == len(c.turns)-1 // the system text stands before the last question
			if want := template.Tokens(parts, controls{v.Tokenizer}); (last || c.system == "") && !slices.Equal(ids[:answers[i].first], want) {
				t.Fatalf("turn %d of %+v:\n%q\n%q", i, c, v.spell(ids[:answers[i].first]), v.spell(want))
			}
			asked.Turns = append(asked.Turns, template.Turn{Role: "assistant", Text: turn.answer})
			answer := ids[answers[i].first:answers[i].end]
			if got := v.Decode(answer); got != " "+turn.answer || answer[len(answer)-1] != endToken {
				t.Errorf("%q is written %q", turn.answer, got)
			}
		}
	}
}

func (v *Vocabulary) spell(ids []int32) (list []string) {
	for _, id := range ids {
		list = append(list, v.Tokens[id])
	}
	return list
}

type controls struct{ *token.Tokenizer }

func (c controls) Control(name string) (int32, bool) { return c.ID(name) }
func (c controls) Ends() (int32, int32)              { return -1, endToken }

// The engine that serves must compute what the trainer computes: per answer's token nearly the same probability.
func TestEngineAgreesWithTheTrainer(t *testing.T) {
	r := newRun(t, small)
	for range 3 {
		if err := r.step(); err != nil {
			t.Fatal(err)
		}
	}
	f, err := gguf.Parse(r.model.file("chat-test", r.vocab))
	if err != nil {
		t.Fatal(err)
	}
	e, err := llm.New(f, llm.Options{Name: "chat-test"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if name, err := e.Template(); name != "mistral-v3" {
		t.Errorf("template %q, %v", name, err)
	}
	d := &drawer{exact.NewSource([32]byte{4}), r.Running, true}
	for range 10 {
		p := r.parts[0]
		p.batch.reset()
		p.batch.add(r.vocab, d.draw(), r.rung.Tokens)
		ids := p.batch.tokens
		r.model.forward(p.acts, &p.batch)
		scores, err := e.Score(context.Background(), ids)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range p.batch.rows {
			if row+1 >= len(ids) {
				continue
			}
			want := logprob(p.acts.logits[i*r.model.rows():][:r.model.Vocab], int(p.batch.targets[i]))
			if got := scores[row]; math.Abs(got-want) > 0.05 { // 8 bits here, float32 or bfloat16 there
				t.Errorf("token %d: the engine says %.4f, the trainer %.4f", row, got, want)
			}
		}
	}
}

func logprob(logits []float32, id int) float64 {
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l - logits[id]))
	}
	return -math.Log(sum)
}

func TestMakeWritesModelsAndCards(t *testing.T) {
	usable(t)
	defer func(l []Rung) { Ladder = l }(Ladder)
	Ladder = []Rung{small}
	o := Options{Dir: t.TempDir(), Questions: 20}
	var log bytes.Buffer
	if err := Make(context.Background(), o, &log); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(o.cardsPath())
	if err != nil {
		t.Fatal(err)
	}
	var cards []ladder.Card
	if err := json.Unmarshal(file, &cards); err != nil || len(cards) != 1 {
		t.Fatalf("%v, %v", cards, err)
	}
	c := cards[0]
	if c.Name != small.Name || c.Steps != small.Steps || c.Questions != 20 || c.Kernel != Kernel() || c.Digest == "" || c.Parameters != small.Parameters() {
		t.Errorf("%+v", c)
	}
	e, err := llm.Open(o.path(small.Name), llm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var _ engine.Chatter = e
	if _, err := ask(context.Background(), e, "What is 1 + 1?"); err != nil {
		t.Error(err)
	}
}

func TestLadderOnlyNamesWhatItCanTrain(t *testing.T) {
	if err := Make(context.Background(), Options{Dir: t.TempDir(), Only: []string{"chat-none"}}, &bytes.Buffer{}); err == nil {
		t.Error("an unknown rung is passed over in silence")
	}
	last := 0
	for _, r := range Ladder {
		if err := r.Check(); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
		if p := r.Parameters(); 10*p < 42*last {
			t.Errorf("%s has %d parameters, the one before %d", r.Name, p, last)
		}
		last = r.Parameters()
	}
}

func TestRequestsAreAsPeopleTypeThem(t *testing.T) {
	s := exact.NewSource([32]byte{5})
	different := map[string]bool{}
	for range 2000 {
		text := requests.draw(s)
		if strings.ContainsAny(text, "{}") || text == "" {
			t.Fatalf("%q", text)
		}
		different[text] = true
	}
	for line := range strings.Lines(unknownText) {
		if different[strings.TrimSpace(line)] {
			t.Errorf("%q is trained on and measured with", line)
		}
	}
	if len(different) < 1800 {
		t.Errorf("%d different ones of 2000", len(different))
	}
}

func BenchmarkStep(b *testing.B) {
	for _, rung := range []Rung{Ladder[0], Ladder[2], Ladder[len(Ladder)-1]} {
		b.Run(rung.Name, func(b *testing.B) {
			r, tokens := newRun(b, rung), 0
			began := processorSeconds()
			for b.Loop() {
				if err := r.step(); err != nil {
					b.Fatal(err)
				}
				for _, p := range r.parts {
					tokens += len(p.batch.tokens)
				}
			}
			b.ReportMetric(float64(tokens)/(processorSeconds()-began), "tok/s of a processor")
		})
	}
}
