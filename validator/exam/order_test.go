package exam

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"agora/mechanism/frontier"
	"agora/wire/openai"
)

// paces says of each model, by the first byte of its digest, what happens while it answers.
type paces map[byte]func()

func (p paces) Open(_ context.Context, m Listed) (*Specimen, error) {
	model := puppet{chat: func(context.Context, *openai.ChatRequest) error { p[m.Digest[0]](); return nil }}
	return &Specimen{Subject: model, Parameters: m.Parameters, Close: func() error { return nil }}, nil
}

// Whoever publishes a model that takes longer than a tempo does not keep those from being examined that are listed after it.
func TestAModelThatTakesLongHoldsUpNobodyForLong(t *testing.T) {
	c := &chain{items: 1}
	for d := byte(1); d <= 3; d++ {
		c.models = append(c.models, Listed{Model: frontier.Model{Digest: [32]byte{d}, Index: uint32(d), Parameters: 1}})
	}
	var own *Course
	now, epoch := time.Now(), uint64(0)
	passes := func() { // forty minutes
		epoch, now = epoch+3, now.Add(40*time.Minute)
		own.Begin(epoch)
	}
	quick := func() { now = now.Add(time.Second / 10) }
	own = course(t, c, NewRoom(paces{1: passes, 2: quick, 3: quick}, 1), filepath.Join(t.TempDir(), "exam.db"))
	own.clock = func() time.Time { return now }
	own.Begin(0)
	for range 4 {
		own.Work(t.Context())
	}
	for _, m := range c.models[1:] {
		for e := range epoch - 2 { // what began before the latest forty minutes
			if !own.board.Has(m.Digest, e) {
				t.Errorf("model %d is not examined in tempo %d of %d", m.Digest[0], e, epoch)
			}
		}
	}
	if !own.board.Has(c.models[0].Digest, 3) {
		t.Error("the one that takes long is not examined at all")
	}
}

func TestALargeModelComesAfterSmallOnesBeforeItIsKnownWhatItTakes(t *testing.T) {
	own := course(t, &chain{}, NewRoom(nil, 1), filepath.Join(t.TempDir(), "exam.db"))
	var jobs []job
	for _, parameters := range []uint64{1 << 63, 3e9, 1e6, 2e6} {
		jobs = append(jobs, job{model: Listed{Model: frontier.Model{Digest: [32]byte{byte(len(jobs))}, Parameters: parameters}}})
	}
	own.spend([32]byte{3}, time.Hour)
	got := ""
	for _, j := range own.cheapest(jobs) {
		got += string('a' + rune(j.model.Digest[0]))
	}
	if got != "cbda" {
		t.Errorf("the order is %s", got)
	}
}
