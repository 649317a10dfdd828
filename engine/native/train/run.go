package train

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"agora/engine/native/chat"
	"agora/task/exact"
)

// tokensPerStep is the length of a batch.
const tokensPerStep = 2048

// Rung is one model of the ladder and how it is trained.
type Rung struct {
	Name    string
	Width   int // of the residual stream
	Layers  int
	Hidden  int     // of the feed-forward part
	Steps   int     // of 2,048 tokens; this decides how much it learns
	Rate    float64 // the learning rate at its highest
	Context int
	Seed    uint64
}

func (r Rung) shape(vocab int) chat.Shape {
	return chat.Shape{Vocab: vocab, Width: r.Width, Layers: r.Layers, Hidden: r.Hidden, Context: r.Context}
}

// Progress is what a run reports from time to time.
type Progress struct {
	Step, Turns int
	Loss        float64            // nats per answer token, smoothed
	Exact       map[string]float64 // running share of turns right in training batches, by kind
}

// Average is the mean of Exact.
func (p Progress) Average() float64 {
	sum := 0.0
	for _, v := range p.Exact {
		sum += v
	}
	return sum / float64(len(p.Exact))
}

// run is the state of one training.
type run struct {
	rung    Rung
	vocab   *chat.Vocabulary
	model   *model
	acts    *activations
	opt     optimizer
	source  *exact.Source
	batch   batch
	hit     []bool
	running []float64 // share of right turns, by kind
	loss    float64
	turns   int
}

// Run trains a rung from its seed. It calls report every so many steps and after the last.
func Run(r Rung, v *chat.Vocabulary, every int, report func(Progress)) (*chat.Weights, Progress, error) {
	if err := r.shape(v.Size()).Check(); err != nil {
		return nil, Progress{}, fmt.Errorf("rung %s: %w", r.Name, err)
	}
	t := start(r, v)
	for step := range r.Steps {
		if err := t.step(step); err != nil {
			return nil, Progress{}, fmt.Errorf("rung %s, step %d: %w", r.Name, step, err)
		}
		if (step+1)%every == 0 {
			report(t.progress(step + 1))
		}
	}
	return t.model.weights(), t.progress(r.Steps), nil
}

func start(r Rung, v *chat.Vocabulary) *run {
	m := newModel(r.shape(v.Size()), r.Seed)
	t := &run{
		rung: r, vocab: v, model: m, acts: newActivations(m, tokensPerStep), source: exact.NewSource(streamSeed("train", r.Seed)),
		hit: make([]bool, tokensPerStep), running: make([]float64, kinds()),
	}
	t.batch.reset()
	return t
}

func (t *run) step(step int) error {
	t.fill()
	t.model.forward(t.acts, &t.batch)
	loss := t.model.loss(t.acts, &t.batch, t.hit)
	if math.IsNaN(loss) {
		return fmt.Errorf("the loss is no number: lower the rate %g", t.rung.Rate)
	}
	t.model.backward(t.acts, &t.batch)
	t.opt.step(t.model, t.rung.rate(step))
	t.batch.exactTurns(t.hit, func(kind int, right bool) {
		hit := 0.0
		if right {
			hit = 1
		}
		t.running[kind] += 0.01 * (hit - t.running[kind])
	})
	t.turns += len(t.batch.kinds)
	t.loss += (loss - t.loss) * max(0.02, 1/float64(step+1))
	return nil
}

// rate warms up over 50 steps, stays, and falls to almost zero over the last 45 % of the run.
func (r Rung) rate(step int) float64 {
	left := 1 - float64(step)/float64(r.Steps)
	return r.Rate * min(1, float64(step+1)/50, left/0.45+0.005)
}

func (t *run) fill() {
	t.batch.reset()
	for len(t.batch.tokens)+t.rung.Context <= tokensPerStep {
		q, kind := t.question()
		t.batch.add(t.vocab, q, kind, t.rung.Context)
	}
}

// question draws a turn that is not held out. A kind's share falls with its running accuracy p as 1.15 − p, so that
// what is weak is practised.
func (t *run) question() (exact.Question, int) {
	for {
		kind := t.source.Intn(kinds())
		for t.source.Intn(1000) >= int(1000*(1.15-t.running[kind])) {
			kind = t.source.Intn(kinds())
		}
		if q := draw(t.source, kind); !q.HeldOut() {
			return q, kind
		}
	}
}

func (t *run) progress(step int) Progress {
	p := Progress{Step: step, Turns: t.turns, Loss: t.loss, Exact: map[string]float64{}}
	for i, name := range exact.Names() {
		p.Exact[name] = t.running[i]
	}
	return p
}

// kinds counts what is trained on: all that validators ask, and help.
func kinds() int { return len(exact.Names()) + 1 }

func draw(s *exact.Source, kind int) exact.Question {
	if kind == len(exact.Names()) {
		return exact.Help(s)
	}
	return exact.Draw(s, kind)
}

// streamSeed separates the trainer's questions from each other and from every validator's.
func streamSeed(purpose string, seed uint64) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("agora/train/"+purpose), seed))
}
