package miner

import (
	"context"
	"slices"
	"sync"
	"testing"
)

// come lets an asker claim a place; where it is given is told by the ticket.
func (p *places) come(t *testing.T, by *asker) (claim func() *ticket) {
	t.Helper()
	ctx := t.Context()
	if by != nil {
		ctx = context.WithValue(ctx, askerKey{}, *by)
	}
	_, before := p.count()
	got := make(chan *ticket, 1)
	go func() { // ends with the place, or the test
		ticket, err := p.enter(ctx)
		if err != nil {
			t.Error(err)
		}
		got <- ticket
	}()
	eventually(t, "it waits", func() bool { _, n := p.count(); return n == before+1 })
	return func() *ticket { return <-got }
}

// drain takes out of all that wait who is given a place, one after the other.
func drain(p *places, hold *ticket, claims map[string][]func() *ticket) (order []string) {
	byTicket := map[*ticket]string{}
	var mu sync.Mutex
	var group sync.WaitGroup
	given := make(chan *ticket)
	n := 0
	for name, list := range claims {
		for _, claim := range list {
			n++
			group.Go(func() {
				t := claim()
				mu.Lock()
				byTicket[t] = name
				mu.Unlock()
				given <- t
			})
		}
	}
	for p.leave(hold); n > 0; n-- {
		t := <-given
		mu.Lock()
		order = append(order, byTicket[t])
		mu.Unlock()
		p.leave(t)
	}
	group.Wait()
	return order
}

// Of a burst each voice has its part from the first place to the last, and consumers are not kept waiting by it.
func TestVoicesTakeTurnsInABurst(t *testing.T) {
	p := newPlaces(1, 64)
	hold, err := p.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	big, small := &asker{voice: [32]byte{1}, part: .75}, &asker{voice: [32]byte{2}, part: .25}
	claims := map[string][]func() *ticket{}
	for range 9 {
		claims["big"] = append(claims["big"], p.come(t, big))
	}
	for range 3 {
		claims["small"] = append(claims["small"], p.come(t, small))
	}
	order := drain(p, hold, claims)
	for i := range 3 {
		if part := order[4*i : 4*i+4]; !slices.Contains(part, "small") {
			t.Errorf("of places %d to %d the small voice has none: %v", 4*i+1, 4*i+4, order)
		}
	}
	if len(p.had) != 0 || p.bursts != 0 {
		t.Errorf("a burst that is over is remembered: %v", p.had)
	}
}

func TestConsumersTakeTurnsWithABurst(t *testing.T) {
	p := newPlaces(1, 64)
	hold, err := p.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string][]func() *ticket{}
	for range 6 {
		claims["voice"] = append(claims["voice"], p.come(t, &asker{voice: [32]byte{1}}))
	}
	claims["consumer"] = append(claims["consumer"], p.come(t, nil))
	if order := drain(p, hold, claims); slices.Index(order, "consumer") > 1 {
		t.Errorf("the consumer waits for a voice's burst: %v", order)
	}
}

func TestWithoutABurstWhoComesFirstIsFirst(t *testing.T) {
	p := newPlaces(1, 64)
	hold, err := p.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string][]func() *ticket{}
	for _, name := range []string{"a", "b", "c", "d"} {
		claims[name] = append(claims[name], p.come(t, nil))
	}
	if order := drain(p, hold, claims); !slices.Equal(order, []string{"a", "b", "c", "d"}) {
		t.Errorf("%v", order)
	}
}

func TestAClaimThatIsGivenUpHoldsNothing(t *testing.T) {
	p := newPlaces(1, 2)
	hold, err := p.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), askerKey{}, asker{voice: [32]byte{1}}))
	left := make(chan error)
	go func() {
		_, err := p.enter(ctx)
		left <- err
	}()
	eventually(t, "it waits", func() bool { _, n := p.count(); return n == 1 })
	cancel()
	if <-left == nil {
		t.Error("it has a place")
	}
	p.leave(hold)
	if taken, waiting := p.count(); taken != 0 || waiting != 0 || p.bursts != 0 {
		t.Errorf("%d places are taken, %d wait, %d of a burst", taken, waiting, p.bursts)
	}
}
