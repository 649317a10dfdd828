package validator

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
	"time"

	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
)

const (
	refreshEvery = 60              // blocks between two readings of the directory without a reason
	retryAfter   = 2 * time.Second // before the chain is asked again after an error
	silentFor    = 5 * time.Second // of a node, before an operator is told
)

// Run judges, commits and reveals until ctx ends, and returns when all of its work has stopped. A node that is away or a
// chain that stands still is waited for. The error is nil unless the store fails.
func (v *Validator) Run(ctx context.Context, hub Hub) error {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer v.leaveAll()
	defer cancel()
	if v.audits != nil {
		v.audits.Found = v.falsely
		beside.Go(func() { v.audits.run(ctx, v.cfg.Room.Cores()) })
	}
	v.mu.Lock()
	v.hub = hub
	v.mu.Unlock()
	height, ok := v.begin(ctx)
	if !ok {
		return nil
	}
	if err := v.assign(ctx); err != nil {
		return err
	}
	beside.Go(func() { v.watch(ctx) })
	for b := range v.cfg.Client.BlocksFrom(ctx, height+1) {
		v.pace.see(b, time.Now())
		if v.stale(b) && v.read(ctx) {
			if err := v.assign(ctx); err != nil {
				return err
			}
		}
		v.announce(ctx, b)
	}
	return nil
}

// begin reads the directory for the first time and returns a height that it is not older than; false if ctx ended
// before the chain answered.
func (v *Validator) begin(ctx context.Context) (height int64, ok bool) {
	for ctx.Err() == nil {
		height, err := v.cfg.Client.Height(ctx)
		if err == nil && v.read(ctx) {
			return height, true
		}
		if err != nil {
			v.cfg.Log.Warn("waiting for the chain", "err", err)
		}
		pause(ctx, retryAfter)
	}
	return 0, false
}

// read renews the directory and shows out who is not in it any more.
func (v *Validator) read(ctx context.Context) bool {
	changed, err := v.directory.refresh(ctx)
	if err != nil {
		v.cfg.Log.Warn("cannot read the directory", "err", err)
		return false
	}
	if changed {
		v.hub.Recheck()
	}
	return true
}

// watch says once that the node is silent, and that it speaks again, until ctx ends.
func (v *Validator) watch(ctx context.Context) {
	silence := time.Duration(0) // that was told of
	for ; ctx.Err() == nil; pause(ctx, time.Second) {
		silent := v.cfg.Client.Silent()
		if silence > 0 && silent == 0 {
			v.cfg.Log.Info("the chain's node answers again", "after", silence.Round(time.Second))
			silence = 0
		}
		if silence == 0 && silent >= silentFor {
			v.cfg.Log.Warn("the chain's node does not answer: judging goes on, weights and payments wait", "for", silent.Round(time.Second))
		}
		if silent >= silentFor {
			silence = silent
		}
	}
}

// stale says whether block b gives a reason to read the directory again.
func (v *Validator) stale(b client.Block) bool {
	if b.Height%refreshEvery == 0 || v.directory.wanted() {
		return true
	}
	for _, e := range b.Events {
		switch e := e.(type) {
		case *yumatypes.EpochRun:
			if m := v.directory.market(e.Netuid); m != nil && m.Next != nil {
				return true // another task may judge from here on
			}
		case *subnettypes.SubnetDescriptionAnnounced, *subnettypes.SubnetCreated, *subnettypes.SubnetStarted, *subnettypes.SubnetDissolved,
			*subnettypes.NeuronRegistered, *subnettypes.HotKeyRotated, *subnettypes.OwnerChanged,
			*subnettypes.ModelSet, *subnettypes.VoiceSet:
			return true
		}
	}
	return false
}

// assign starts work in subnets that are new in the directory and ends it in those that are gone. Where another module judges from
// now on, work begins anew over the same book: what was judged by the one before counts as it did.
func (v *Validator) assign(ctx context.Context) error {
	served := v.directory.netuids()
	for _, netuid := range served {
		m := v.directory.market(netuid)
		s := v.seat(netuid)
		if s != nil && (s.digest != m.Mechanism.Digest || (s.course != nil) != m.open) {
			v.leave(netuid)
			s = nil
		}
		if s == nil {
			var err error
			if s, err = v.take(ctx, m); err != nil {
				return err
			}
		}
		if s == nil || s.course != nil {
			continue
		}
		v.prepare(s, m)
		if err := s.book.keepOnly(m.miners); err != nil {
			return err
		}
	}
	v.leaveExcept(served)
	return nil
}

// announce tells every seat the height, where it is not of the past, and what an epoch in this block made of its weights.
func (v *Validator) announce(ctx context.Context, b client.Block) {
	for _, e := range b.Events {
		if run, ok := e.(*yumatypes.EpochRun); ok {
			v.learn(ctx, run.Netuid)
		}
	}
	moment := v.scan.Block(b.Height, b.Hash)
	behind := v.behind(ctx, b.Height)
	for _, netuid := range v.directory.netuids() {
		if s := v.seat(netuid); s != nil {
			if !behind {
				s.tell(b.Height)
			}
			if s.bursts != nil {
				s.bursts.block(b.Height, moment)
			}
		}
	}
}

// behind says whether a block is one of the past, read after an absence of the node: what the calendar asks for there is out of time.
func (v *Validator) behind(ctx context.Context, height int64) bool {
	tip, err := v.cfg.Client.Tip(ctx)
	return err == nil && tip > height+late
}

// learn notes how much of this validator's weights the last epoch's consensus kept.
func (v *Validator) learn(ctx context.Context, netuid uint32) {
	s := v.seat(netuid)
	uid, ok := v.voice(netuid)
	if s == nil || !ok {
		return
	}
	records, err := v.cfg.Client.Epochs(ctx, netuid, 1)
	if err != nil {
		v.cfg.Log.Warn("cannot read the last epoch", "netuid", netuid, "err", err)
		return
	}
	for _, r := range records {
		if at := 2 * int(uid); at+2 <= len(r.ValidatorTrust) {
			trust := float64(binary.LittleEndian.Uint16(r.ValidatorTrust[at:])) / math.MaxUint16
			s.edit(func(st *Status) { st.Agreement = trust })
		}
	}
}

// pace measures the time between blocks.
type pace struct {
	mu    sync.Mutex
	last  client.Block
	at    time.Time // when it was seen
	block time.Duration
}

// see counts a block: the average moves a fifth of the way to what was measured, by the blocks' time or by when they were seen, whichever
// is longer: blocks that come late come at once, and a chain whose time voters' clocks moved ahead stands there until it has come.
func (p *pace) see(b client.Block, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := b.Height - p.last.Height; p.last.Height > 0 && n > 0 {
		measured := min(max(b.Time.Sub(p.last.Time), at.Sub(p.at))/time.Duration(n), time.Minute)
		if p.block == 0 {
			p.block = measured
		}
		p.block += (measured - p.block) / 5
	}
	p.last, p.at = b, at
}

// of is how long n blocks take, 0 while that is unknown.
func (p *pace) of(n uint64) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(n) * p.block
}
