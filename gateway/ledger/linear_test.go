package ledger

import (
	"context"
	"fmt"
	"math/rand"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"agora/mechanism/voucher"
)

// step is what a client asked of one channel's line.
type step struct {
	kind  string // reserve, settle, sign
	id    string
	rao   uint64
	terms voucher.Terms
}

// seen is what it was told.
type seen struct {
	ok      bool
	charged uint64
}

// state is a line and what is open on it; a copy for each step.
type state struct {
	line voucher.Line
	open string // ids of 4 bytes each with their ceilings, sorted by when they came
}

func (s state) ceiling(id string) (string, uint64, bool) {
	for i := 0; i+8 <= len(s.open); i += 8 {
		if s.open[i:i+4] == id {
			var n uint64
			if _, err := fmt.Sscanf(s.open[i+4:i+8], "%d", &n); err != nil {
				return s.open, 0, false
			}
			return s.open[:i] + s.open[i+8:], n, true
		}
	}
	return s.open, 0, false
}

// model says what a line that serves one step after the other tells.
var model = porcupine.Model{
	Init: func() any { return state{line: voucher.Line{Limit: 500}} },
	Step: func(at, in, out any) (bool, any) {
		s, what, told := at.(state), in.(step), out.(seen)
		switch what.kind {
		case "reserve":
			ok := s.line.Reserve(what.rao, what.terms) == nil
			if ok {
				s.open += fmt.Sprintf("%s%04d", what.id, what.rao)
			}
			return ok == told.ok, s
		case "settle":
			rest, ceiling, is := s.ceiling(what.id)
			if !is {
				return !told.ok, s
			}
			s.open = rest
			return told.ok && s.line.Settle(ceiling, what.rao) == told.charged, s
		}
		ok := what.rao >= s.line.Signed
		if ok {
			s.line.Sign(what.rao)
		}
		return ok == told.ok, s
	},
	Equal: func(a, b any) bool { return a == b },
}

// TestEntriesAreLinearizable lets clients reserve, settle and sign on one channel at once, and looks for an order of their
// steps that a line serving one after the other would have answered alike.
func TestEntriesAreLinearizable(t *testing.T) {
	both(t, func(t *testing.T, open func() *Ledger) {
		l, ctx := open(), context.Background()
		name := channel(t, l, 1, 500)
		var mu sync.Mutex
		var history []porcupine.Operation
		began := time.Now()
		note := func(client int, in step, run func() seen) {
			call := time.Since(began).Nanoseconds()
			out := run()
			mu.Lock()
			defer mu.Unlock()
			history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: time.Since(began).Nanoseconds()})
		}
		var wg sync.WaitGroup
		for client := range 5 {
			r := rand.New(rand.NewSource(int64(client)))
			wg.Go(func() {
				for i := range 12 {
					id := fmt.Sprintf("%d%03d", client, i)
					ask := step{"reserve", id, uint64(1 + r.Intn(40)), credit}
					opened := false
					note(client, ask, func() seen {
						_, err := l.Reserve(ctx, Request{Account: name, ID: id, Ceiling: ask.rao, Terms: credit})
						opened = err == nil
						return seen{ok: opened}
					})
					if opened {
						cost := uint64(r.Intn(40))
						note(client, step{kind: "settle", id: id, rao: cost}, func() seen {
							_, charged, err := l.Settle(ctx, charge(name, id, cost))
							return seen{err == nil, charged}
						})
					}
					total := uint64(1 + r.Intn(400))
					note(client, step{kind: "sign", rao: total}, func() seen {
						_, err := l.Sign(ctx, name, promise(1, total))
						return seen{ok: err == nil}
					})
				}
			})
		}
		wg.Wait()
		if result := porcupine.CheckOperationsTimeout(model, history, 20*time.Second); result == porcupine.Illegal {
			t.Error("no order of the steps explains what was told")
		} else if result == porcupine.Unknown {
			t.Log("no verdict in 20 s")
		}
	})
}
