package validator

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
	"agora/scenario/stage"
	"agora/task"
)

const chainID = "agora-validator-test"

// errKilled ends a program in the middle of what it does.
var errKilled = errors.New("killed")

// killer ends the program at one of the moments at which it could be: around every write and every transaction.
type killer struct {
	at   int // which moment; 0 is never
	seen int
	dead bool
}

func (k *killer) fault() error {
	if k.seen++; k.seen == k.at {
		k.dead = true
	}
	if k.dead {
		return errKilled
	}
	return nil
}

// post sends through the real queue and lets the chain go on meanwhile.
type post struct {
	t     *testing.T
	stage *stage.Stage
	queue *client.Queue
	kill  *killer
	lose  bool // the node forgets the transaction
}

func (p *post) SendBy(ctx context.Context, last int64, msgs ...sdk.Msg) (client.Result, error) {
	if err := p.kill.fault(); err != nil {
		return client.Result{}, err
	}
	type outcome struct {
		client.Result
		error
	}
	done := make(chan outcome, 1)
	go func() {
		r, err := p.queue.SendBy(ctx, last, msgs...)
		done <- outcome{r, err}
	}()
	for {
		select {
		case o := <-done:
			if err := p.kill.fault(); err != nil {
				return client.Result{}, err
			}
			return o.Result, o.error
		case <-time.After(time.Millisecond):
			p.advance(last)
		}
	}
}

// advance makes the block that the transaction waits for or, if it is to be lost, those in which it could have been.
func (p *post) advance(last int64) {
	if p.stage.Pending() == 0 {
		return
	}
	n := 1
	if p.lose {
		p.lose = false
		p.stage.DropPending()
		n = int(last - p.stage.Height())
	}
	if err := p.stage.Play(n); err != nil {
		p.t.Error(err)
	}
}

// program is one life of a calendar, from start to kill.
type program struct {
	*calendar
	store *store
}

func openStage(t *testing.T, miners int) *stage.Stage {
	t.Helper()
	s, err := stage.Open(stage.Plan{
		ChainID: chainID, Validators: 2, Miners: miners, Tempo: 10, RevealDelay: 1,
		Subnets: []stage.Subnet{{Name: "text", Family: "continuation"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newClient(s *stage.Stage) *client.Client {
	c := client.New(s, chainID)
	c.PollEvery(3 * time.Millisecond)
	return c
}

func openTestStore(t *testing.T, path string) *store {
	t.Helper()
	s, err := openStore(path, chainID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newProgram(t *testing.T, path string, s *stage.Stage, c *client.Client, k *killer) (*program, error) {
	t.Helper()
	st := openTestStore(t, path)
	st.fault = k.fault
	items, err := newDrawer(1, chainID, plain{}, st)
	if err != nil {
		return &program{store: st}, err
	}
	key := stage.ValidatorHot(0)
	return &program{store: st, calendar: &calendar{
		netuid: 1, chainID: chainID, operator: stage.Address(stage.ValidatorKey(0)), hotKey: key.Public().(ed25519.PublicKey), store: st, chain: c, items: items,
		queue: &post{t: t, stage: s, queue: c.Queue(client.HotSigner(key)), kill: k},
		voice: func() (uint32, bool) { return 0, true },
		vote: func(context.Context) (ballot, error) {
			return ballot{uids: []uint32{2, 3, 4}, weights: []uint32{65535, 300, 20}, proven: true, settled: true}, nil
		},
		begin: func(yumatypes.Schedule) error { return nil },
		keep:  func(ballot) error { return nil },
		log:   slog.New(slog.DiscardHandler), report: func(func(*Status)) {},
	}}, nil
}

// plain is a family whose items are numbers.
type plain struct{}

func (plain) Name() string { return "plain" }

func (plain) Item(seed task.Seed, index uint64) task.Item {
	body := fmt.Appendf(nil, `{"model":"plain","prompt":"%x %d"}`, seed[:4], index)
	id := [32]byte(seed)
	id[0] ^= byte(index)
	id[1] ^= byte(index >> 8)
	return task.Item{ID: id, Path: "/v1/completions", Body: body, Score: func(answer []byte) (float64, error) {
		if bytes.Contains(answer, []byte("no")) {
			return 0, nil
		}
		return 1, nil
	}}
}

// tale is what a chain tells of one account's commits and reveals.
type tale struct {
	hashes   map[uint64]map[string]bool // by epoch
	commits  map[uint64]int
	revealed map[uint64]bool
}

func read(t *testing.T, c *client.Client, s *stage.Stage, uid uint32) tale {
	t.Helper()
	story := tale{map[uint64]map[string]bool{}, map[uint64]int{}, map[uint64]bool{}}
	for h := int64(1); h <= s.Height(); h++ {
		b, err := c.Block(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		commits, err := c.Commits(client.AtHeight(t.Context(), h), 1)
		if err != nil {
			t.Fatal(err)
		}
		story.add(uid, b, commits)
	}
	return story
}

func (s tale) add(uid uint32, b client.Block, commits []yumatypes.Commit) {
	for _, e := range b.Events {
		switch e := e.(type) {
		case *yumatypes.WeightsCommitted:
			if e.Uid == uid {
				s.commits[e.Epoch]++
			}
		case *yumatypes.WeightsRevealed:
			if e.Uid == uid {
				s.revealed[e.Epoch] = true
			}
		}
	}
	for _, k := range commits {
		if k.Uid != uid {
			continue
		}
		if s.hashes[k.Epoch] == nil {
			s.hashes[k.Epoch] = map[string]bool{}
		}
		s.hashes[k.Epoch][string(k.Hash)] = true
	}
}

// check wants one commit, one hash and a reveal in every epoch before end.
func (s tale) check(t *testing.T, end uint64) {
	t.Helper()
	for epoch := range end {
		if n := len(s.hashes[epoch]); n != 1 || s.commits[epoch] != 1 {
			t.Errorf("epoch %d: %d different hashes in %d commits, want 1 in 1", epoch, n, s.commits[epoch])
		}
		if !s.revealed[epoch] {
			t.Errorf("epoch %d was not revealed", epoch)
		}
	}
}

// play runs a calendar for a number of blocks and starts it again after a kill. killed says that there was one.
func play(t *testing.T, p *program, again func() *program, s *stage.Stage, k *killer, blocks int64) (_ *program, killed bool) {
	t.Helper()
	for until := s.Height() + blocks; s.Height() < until; {
		err := p.step(t.Context(), s.Height())
		if k.dead {
			if err := p.store.close(); err != nil {
				t.Fatal(err)
			}
			*k = killer{}
			p, killed = again(), true
			continue
		}
		if err != nil {
			t.Fatalf("height %d: %v", s.Height(), err)
		}
		if err := s.Play(1); err != nil {
			t.Fatal(err)
		}
	}
	return p, killed
}

// One long chain, one kill in every second tempo, each at the next moment at which the program could be killed.
func TestKilledAtAnyMomentItCommitsOnceAndLosesNoSalt(t *testing.T) {
	s := openStage(t, 3)
	c := newClient(s)
	path := filepath.Join(t.TempDir(), "validator.db")
	kill := &killer{}
	again := func() *program {
		p, err := newProgram(t, path, s, c, kill)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p, kills := again(), 0
	for moment, missed := 1, 0; missed < 2; moment++ { // no kill in two tempos: there are no more moments
		*kill = killer{at: moment}
		killed := false
		if p, killed = play(t, p, again, s, kill, 20); !killed {
			missed++
			continue
		}
		kills++
	}
	p.store.close()
	if kills < 8 {
		t.Fatalf("killed only %d times", kills)
	}
	calendar, err := c.Schedule(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	read(t, c, s, 0).check(t, calendar.Epoch-1)
	t.Logf("%d kills in %d epochs", kills, calendar.Epoch)
}

// A transaction that the node forgot is sent again while there is time, and never after it.
func TestLostTransactionIsSentAgainInTime(t *testing.T) {
	s := openStage(t, 3)
	c := newClient(s)
	p, err := newProgram(t, filepath.Join(t.TempDir(), "validator.db"), s, c, &killer{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.store.close()
	mail := p.queue.(*post)
	for tempo := range 4 {
		mail.lose = tempo == 1 // the commit of the second tempo: its window is over when that is known
		for until := s.Height() + 10; s.Height() < until; {
			if err := p.step(t.Context(), s.Height()); err != nil && !errors.Is(err, client.ErrExpired) {
				t.Fatal(err)
			}
			if err := s.Play(1); err != nil {
				t.Fatal(err)
			}
		}
	}
	story := read(t, c, s, 0)
	for epoch, want := range map[uint64]int{0: 1, 1: 0, 2: 1} {
		if story.commits[epoch] != want || story.revealed[epoch] != (want == 1) {
			t.Errorf("epoch %d: %d commits, revealed %v; want %d", epoch, story.commits[epoch], story.revealed[epoch], want)
		}
	}
}
