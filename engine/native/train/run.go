package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"agora/task/exact"
)

// Progress is what a run reports from time to time.
type Progress struct {
	Step, Steps, Turns int
	Seconds            float64            // of a processor
	Loss               float64            // nats per answer token, smoothed
	Exact              map[string]float64 // running share of turns right in training batches, by kind
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
	rung  Rung
	vocab *Vocabulary
	model *model
	opt   optimizer
	parts []*part
	state
}

// part works on its part of each step's batch: with the model's weights, and gradients of its own that are added up in the
// order of the parts. So the same rung gives the same bits whatever runs at the same time.
type part struct {
	model *model
	acts  *activations
	batch batch
	hit   []bool
	loss  float64 // the weighted sum over its rows
}

// state is what a run knows beside its weights.
type state struct {
	Step, Turns int
	Seconds     float64   // of a processor
	Running     []float64 // share of right turns, by kind
	Loss        float64
}

// Run trains a rung from its seed, or goes on from the checkpoint at path, where it keeps one. It calls report every so many
// steps and after the last. The file of the model is returned.
func Run(ctx context.Context, r Rung, path string, every int, report func(Progress)) ([]byte, Progress, error) {
	t, err := start(r)
	if err != nil {
		return nil, Progress{}, fmt.Errorf("rung %s: %w", r.Name, err)
	}
	keep, err := t.resume(path)
	if err != nil {
		return nil, Progress{}, err
	}
	for t.Step < r.Steps {
		if err := t.step(); err != nil {
			return nil, Progress{}, fmt.Errorf("rung %s, step %d: %w", r.Name, t.Step, err)
		}
		last := t.Step == r.Steps
		if t.Step%every == 0 || last {
			report(t.progress())
		}
		if err := keep(last || ctx.Err() != nil); err != nil {
			return nil, Progress{}, err
		}
		if err := ctx.Err(); err != nil {
			return nil, t.progress(), err
		}
	}
	return t.model.file(r.Name, t.vocab), t.progress(), nil
}

func start(r Rung) (*run, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	v, err := NewVocabulary(r.Vocab)
	if err != nil {
		return nil, err
	}
	t := &run{rung: r, vocab: v, model: newModel(r.Shape, r.Seed), state: state{Running: make([]float64, kinds())}}
	for i := range max(1, r.Parts) {
		m := t.model
		if i > 0 {
			m = m.twin()
		}
		t.parts = append(t.parts, &part{model: m, acts: newActivations(m, r.Tokens), hit: make([]bool, r.Tokens)})
	}
	return t, nil
}

func (t *run) step() error {
	began := processorSeconds()
	weight, loss := t.gradients()
	if math.IsNaN(loss) {
		return fmt.Errorf("the loss is no number: lower the rate %g", t.rung.Rate)
	}
	t.opt.step(t.model, len(t.parts), t.Step, t.rung.rate(t.Step))
	for _, p := range t.parts {
		p.batch.exactTurns(p.hit, t.note)
	}
	t.Loss += (loss/weight - t.Loss) * max(0.02, 1/float64(t.Step+1))
	t.Step++
	t.Seconds += processorSeconds() - began
	return nil
}

func (t *run) note(kind int, right bool) {
	hit := 0.0
	if right {
		hit = 1
	}
	t.Running[kind] += 0.01 * (hit - t.Running[kind])
	t.Turns++
}

// gradients draws a batch and leaves the gradient of its mean loss in the model.
func (t *run) gradients() (weight, loss float64) {
	each(len(t.parts), func(i int) { t.fill(i) })
	for _, p := range t.parts {
		weight += p.batch.weight()
	}
	each(len(t.parts), func(i int) { t.parts[i].work(weight) })
	for i, p := range t.parts {
		loss += p.loss
		if i > 0 {
			t.model.takeGradients(p.model)
		}
	}
	return weight, loss
}

func (p *part) work(weight float64) {
	p.model.forward(p.acts, &p.batch)
	p.loss = p.model.loss(p.acts, &p.batch, p.hit, weight)
	p.model.backward(p.acts, &p.batch)
}

// each calls do for 0 to n−1 at the same time and waits for all.
func each(n int, do func(i int)) {
	var w sync.WaitGroup
	for i := 1; i < n; i++ {
		w.Go(func() { do(i) })
	}
	do(0)
	w.Wait()
}

// storyEvery is how many steps have one story of the continuation source among their conversations.
const storyEvery = 12

// fill draws part i of this step's batch. What is drawn follows from the rung's seed, the step, the part and the shares of
// right turns.
func (t *run) fill(i int) {
	b := &t.parts[i].batch
	b.reset()
	d := &drawer{exact.NewSource(streamSeed("train", t.rung.Seed, uint64(t.Step), uint64(i))), t.Running, t.rung.converses(t.Step)}
	if i == 0 && t.Step%storyEvery == 0 {
		b.add(t.vocab, story(d.source), t.rung.Tokens)
	}
	for b.add(t.vocab, d.draw(), t.rung.Tokens-len(b.tokens)) {
	}
}

func (t *run) progress() Progress {
	p := Progress{Step: t.Step, Steps: t.rung.Steps, Turns: t.Turns, Seconds: t.Seconds, Loss: t.Loss, Exact: map[string]float64{}}
	for i, v := range t.Running {
		p.Exact[kindName(i)] = v
	}
	return p
}

// streamSeed separates the trainer's questions from each other and from every validator's.
func streamSeed(purpose string, numbers ...uint64) [32]byte {
	b := []byte("agora/train/" + purpose)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return sha256.Sum256(b)
}
