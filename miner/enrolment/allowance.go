package enrolment

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"sync"
	"time"

	"agora/client"
	"agora/mechanism/price"
)

// Allowance is what voices get of one server for nothing, as the chain has their stakes. It is a miner.Allowance.
type Allowance struct {
	Client *client.Client
	NetUID uint32
	Slots  int           // requests that the server works on at once
	Every  time.Duration // between two looks at the chain; 5 s
	Log    *slog.Logger  // slog.Default()

	mu     sync.Mutex
	tempo  uint64
	stakes map[[ed25519.PublicKeySize]byte]uint64
	total  uint64
}

// Free implements miner.Allowance. Before the first look nothing is free.
func (a *Allowance) Free(validator ed25519.PublicKey) (tokens, tempo uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return price.Free(uint64(max(0, a.Slots)), a.stakes[[ed25519.PublicKeySize]byte(validator)], a.total), a.tempo
}

// Part is a voice's part of the stake of all that are permitted; 0 before the first look, and for who has none.
func (a *Allowance) Part(voice ed25519.PublicKey) float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return float64(a.stakes[[ed25519.PublicKeySize]byte(voice)]) / float64(max(a.total, 1))
}

// Run looks at the chain until ctx ends.
func (a *Allowance) Run(ctx context.Context) {
	every, log := a.Every, a.Log
	if every <= 0 {
		every = 5 * time.Second
	}
	if log == nil {
		log = slog.Default()
	}
	failing := false
	for ctx.Err() == nil {
		err := a.Look(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			log.Warn("cannot read which tempo it is, what is free stays as it is", "netuid", a.NetUID, "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

// Look reads the tempo, and where it is a new one, the voices' stakes.
func (a *Allowance) Look(ctx context.Context) error {
	s, err := a.Client.Schedule(ctx, a.NetUID)
	if err != nil {
		return err
	}
	a.mu.Lock()
	same := a.stakes != nil && s.Epoch == a.tempo
	a.mu.Unlock()
	if same {
		return nil
	}
	voices, err := a.Client.Voices(ctx, a.NetUID)
	if err != nil {
		return err
	}
	stakes, total := map[[ed25519.PublicKeySize]byte]uint64{}, uint64(0)
	for _, v := range voices {
		if v.Permitted && len(v.HotKey) == ed25519.PublicKeySize {
			stakes[[ed25519.PublicKeySize]byte(v.HotKey)] = v.Stake
			total += v.Stake
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tempo, a.stakes, a.total = s.Epoch, stakes, total
	return nil
}
