package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"agora/engine"
	"agora/gateway"
)

const (
	maxWaiting = 256              // answers drawn and not yet run; further ones are let go and counted
	maxHeld    = 60 * time.Second // that request and tokens are held for it
	maxWork    = 2 * time.Minute  // for one audit
)

// Library finds the weights of a model.
type Library interface {
	// Replayer loads the model of that digest. ErrNotHere says that nobody gives its bytes now. done gives it back.
	Replayer(ctx context.Context, digest [32]byte) (m engine.Replayer, done func(), err error)
}

// ErrNotHere says that a model cannot be run on this machine now.
var ErrNotHere = errors.New("audit: the model is not here")

// Market is what an auditor must know of the chain. Its methods do not wait.
type Market interface {
	Tempo(netuid uint32) uint64                         // the running one
	Part(netuid uint32) float64                         // of the stake that this voice holds, in (0, 1]
	Owner(netuid, uid uint32) (account string, ok bool) // of a seat
}

// Verdict is what became of one answer.
type Verdict struct {
	Server  ServerID  `json:"server"`
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"` // "right", "false", "void", "unknown"
	Reason  string    `json:"reason,omitempty"`
	Closed  bool      `json:"closed,omitempty"` // it closed the gate
}

// Counts are of all answers since the start.
type Counts struct {
	Answers, Drawn, Right, False, Void, Unknown, LetGo uint64
}

// Auditor draws answers as they end and runs the model on them again. Requests and answers are held in memory only, and
// only until then.
type Auditor struct {
	library Library
	market  Market
	store   *Store
	log     *slog.Logger
	work    chan drawn
	die     func() float64

	mu     sync.Mutex
	known  map[ServerID]*remembered
	counts Counts
	last   map[ServerID][]Verdict // the newest last
}

type remembered struct {
	Server
	gateID GateID
	gate   Gate
}

type drawn struct {
	gateway.Checked
	at time.Time
}

// New makes an auditor over a store, which its caller closes after Run has ended.
func New(l Library, m Market, s *Store, log *slog.Logger) *Auditor {
	return &Auditor{
		library: l, market: m, store: s, log: log, work: make(chan drawn, maxWaiting), die: rand.Float64,
		known: map[ServerID]*remembered{}, last: map[ServerID][]Verdict{},
	}
}

// Offer takes an answer whose receipt has been checked, and draws whether it is audited. Answers without a receipt that
// counts, or of no known model, are not: whoever serves without is not paid as exact. It does not wait.
func (a *Auditor) Offer(c gateway.Checked) {
	if c.Err != nil || c.Answer.Receipt.Digest == [32]byte{} || c.Path != "/v1/chat/completions" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id := ServerID{c.NetUID, c.Miner.UID, c.Miner.Registered}
	s, err := a.of(id, c.Answer.Receipt.Digest)
	if err != nil {
		a.log.Error("audits cannot be remembered", "err", err)
		return
	}
	a.counts.Answers++
	if !s.Offer(a.market.Tempo(c.NetUID), a.market.Part(c.NetUID), a.die()) {
		return
	}
	a.counts.Drawn++
	select {
	case a.work <- drawn{c, time.Now()}:
	default:
		a.counts.LetGo++
	}
}

// of finds what is remembered of a server; the lock is held.
func (a *Auditor) of(id ServerID, digest [32]byte) (*remembered, error) {
	owner, ok := a.market.Owner(id.NetUID, id.UID)
	if !ok {
		return nil, fmt.Errorf("uid %d of subnet %d has no owner", id.UID, id.NetUID)
	}
	gate := GateID{id.NetUID, owner, digest}
	if r := a.known[id]; r != nil && r.gateID == gate {
		return r, nil
	}
	s, g, err := a.store.load(id, gate)
	if err != nil {
		return nil, err
	}
	r := &remembered{s, gate, g}
	a.known[id] = r
	return r, nil
}

// Open says whether the gate of a server with a model is open in the running tempo. Where the memory cannot be read it is not.
func (a *Auditor) Open(id ServerID, digest [32]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.of(id, digest)
	return err == nil && r.gate.Open(a.market.Tempo(id.NetUID))
}

// Counts are those so far.
func (a *Auditor) Counts() Counts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts
}

// Last are the newest verdicts on a server, oldest first, at most 20.
func (a *Auditor) Last(id ServerID) []Verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Verdict(nil), a.last[id]...)
}

// Run audits what is drawn until ctx ends. What is drawn and not yet run is let go then.
func (a *Auditor) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-a.work:
			a.settle(ctx, d)
		}
	}
}

func (a *Auditor) settle(ctx context.Context, d drawn) {
	if time.Since(d.at) > maxHeld {
		a.mu.Lock()
		a.counts.LetGo++
		a.mu.Unlock()
		return
	}
	err := a.replay(ctx, d)
	if ctx.Err() != nil {
		return
	}
	if err := a.note(d, err); err != nil {
		a.log.Error("an audit could not be remembered", "err", err)
	}
}

func (a *Auditor) replay(ctx context.Context, d drawn) error {
	ctx, cancel := context.WithTimeout(ctx, maxWork)
	defer cancel()
	m, done, err := a.library.Replayer(ctx, d.Answer.Receipt.Digest)
	if err != nil {
		return err
	}
	defer done()
	return Replay(ctx, m, d.Body, d.Answer)
}

// note keeps a verdict. Only ErrFalse counts against a server: what this machine could not find out, it does not know.
func (a *Auditor) note(d drawn, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := ServerID{d.NetUID, d.Miner.UID, d.Miner.Registered}
	r, lost := a.of(id, d.Answer.Receipt.Digest)
	if lost != nil {
		return lost
	}
	v := Verdict{Server: id, At: time.Now()}
	if err != nil {
		v.Reason = err.Error()
	}
	switch {
	case err == nil:
		v.Outcome = "right"
		a.counts.Right++
	case errors.Is(err, ErrVoid):
		v.Outcome = "void"
		a.counts.Void++
	case errors.Is(err, ErrFalse):
		v.Outcome = "false"
		a.counts.False++
		if v.Closed = r.Fail(); v.Closed {
			r.gate.Close(a.market.Tempo(d.NetUID))
		}
		a.log.Warn("an answer is not its model's", "subnet", d.Subnet, "uid", id.UID, "reason", v.Reason, "closed", v.Closed)
	default:
		v.Outcome = "unknown"
		a.counts.Unknown++
	}
	a.last[id] = append(a.last[id][max(0, len(a.last[id])-19):], v)
	return a.store.save(id, r.Server, r.gateID, r.gate)
}
