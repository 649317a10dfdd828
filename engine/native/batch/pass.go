package batch

import (
	"fmt"
	"slices"
	"time"

	"agora/engine/native/model"
)

// pass sends the next tokens of the answers in the making through the model once: one of each that is being written, and
// of prompts as many as keep the pass short.
func (b *Batcher) pass() {
	b.drop()
	inputs, jobs, prompts, written := b.inputs()
	if len(inputs) == 0 {
		return
	}
	began := time.Now()
	logits, err := b.runner.Forward(inputs...)
	b.pace.took(prompts, written, time.Since(began))
	if err != nil {
		b.failed(slices.DeleteFunc(jobs, (*Job).ended), err)
		return
	}
	b.took(inputs, jobs, logits)
}

// took notes what a pass has read, and lets choosers pick the next tokens.
func (b *Batcher) took(inputs []model.Input, jobs []*Job, logits [][]float32) {
	row := 0
	for i, j := range jobs {
		if j.ended() { // given up on the way
			continue
		}
		j.read = append(j.read, inputs[i].Tokens...)
		j.pending = j.pending[len(inputs[i].Tokens):]
		if inputs[i].Logits == 0 {
			continue
		}
		b.choose(j, logits[row])
		row++
	}
	b.sweep()
}

// inputs gathers what this pass reads.
func (b *Batcher) inputs() (inputs []model.Input, jobs []*Job, prompts, written int) {
	for _, j := range b.active {
		if j.made > 0 {
			inputs, jobs = append(inputs, model.Input{Sequence: j.seq, Tokens: j.pending, Logits: 1, Gone: j.leaves}), append(jobs, j)
			written++
		}
	}
	room := b.pace.room(written)
	for _, j := range b.active {
		if j.made > 0 || room == 0 {
			continue
		}
		n := min(room, len(j.pending))
		in := model.Input{Sequence: j.seq, Tokens: j.pending[:n], Gone: j.leaves}
		if n == len(j.pending) {
			in.Logits = 1
		}
		inputs, jobs = append(inputs, in), append(jobs, j)
		room -= n
		prompts += n
	}
	return inputs, jobs, prompts, written
}

// choose lets the answer's chooser pick a token, and keeps a prompt that has just been read for others that begin so.
func (b *Batcher) choose(j *Job, logits []float32) {
	if j.made == 0 {
		b.remember(j, j.seq.Fork(j.seq.Len()))
	}
	id, done := j.chooser.Choose(j.made, logits)
	j.made++
	if done || j.made == j.limit {
		b.remember(j, j.seq)
		j.end(nil)
		return
	}
	j.pending = []int32{id}
}

// remember keeps the text read so far, where there is memory for it, with a sequence that stays as it is.
func (b *Batcher) remember(j *Job, seq *model.Sequence) {
	now := time.Now()
	b.kept.add(j.read, seq, now)
	b.forget(now)
}

// drop ends the answers that were given up.
func (b *Batcher) drop() {
	for _, j := range b.active {
		if j.gone() {
			j.end(ErrCanceled)
		}
	}
	b.sweep()
}

// sweep frees the slots of answers that have ended.
func (b *Batcher) sweep() {
	stay := b.active[:0]
	for _, j := range b.active {
		if !j.ended() {
			stay = append(stay, j)
			continue
		}
		b.used -= j.reserve
	}
	clear(b.active[len(stay):])
	b.active = stay
}

// failed tries each answer of a pass that failed alone: the fault of one is not the others'.
func (b *Batcher) failed(jobs []*Job, err error) {
	if len(jobs) == 1 {
		jobs[0].end(fmt.Errorf("the model failed: %w", err))
		b.sweep()
		return
	}
	for _, j := range jobs {
		n := min(len(j.pending), b.pace.room(0))
		in := model.Input{Sequence: j.seq, Tokens: j.pending[:n]}
		if n == len(j.pending) {
			in.Logits = 1
		}
		logits, err := b.runner.Forward(in)
		if err != nil {
			j.end(fmt.Errorf("the model failed: %w", err))
			continue
		}
		j.read, j.pending = append(j.read, in.Tokens...), j.pending[n:]
		if in.Logits == 1 {
			b.choose(j, logits[0])
		}
	}
	b.sweep()
}

// pace chooses how many tokens of prompts a pass takes, so that a pass lasts about as long as somebody should wait for a cancelled
// answer's place, or between two tokens of his own while another's prompt is read. What is computed does not depend on it.
type pace struct {
	reading float64 // seconds per token of a prompt, in passes of many; 0 is not known
	writing float64 // seconds per token that is written beside the others that are now, with what looking back at its text takes
}

const (
	firstPass = 16
	leastPass = 8     // tokens of prompts where nothing is being written: fewer take as long
	aim       = 0.028 // seconds a pass, of which prompts get a third at least
)

// room is how many tokens of prompts a pass takes beside written ones. It is one at least, however many are being written.
func (p *pace) room(written int) int {
	n, least := firstPass-written, 1
	if p.reading > 0 {
		n = int(max(aim-p.writing*float64(written), aim/3) / p.reading)
	}
	if written == 0 {
		least = leastPass
	}
	return max(min(n, model.MaxPass-written), least)
}

// took learns from a pass what a token takes of the kind that took more of it.
func (p *pace) took(prompts, written int, d time.Duration) {
	read, wrote := p.reading*float64(prompts), p.writing*float64(written)
	switch {
	case written > 0 && (prompts == 0 || p.writing == 0 || wrote > read):
		learn(&p.writing, (d.Seconds()-read)/float64(written))
	case prompts >= p.room(written)/2: // a pass of few tokens says little about one of many
		learn(&p.reading, (d.Seconds()-wrote)/float64(prompts))
	}
}

func learn(mean *float64, seconds float64) {
	seconds = max(seconds, 1e-9)
	if *mean == 0 {
		*mean = seconds
	}
	*mean += (seconds - *mean) / 8
}
