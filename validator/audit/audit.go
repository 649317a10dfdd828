package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"agora/engine"
	"agora/engine/near"
	"agora/gateway"
	"agora/mechanism/capacity"
	"agora/wire"
	"agora/wire/openai"
	"agora/wire/receipt"
)

const (
	maxWaiting = 256              // answers drawn and not yet run; further ones are let go and counted
	maxHeld    = 60 * time.Second // that request and tokens are held for it
	maxWork    = 2 * time.Minute  // for one audit
	maxTold    = 20               // verdicts on a server that are remembered
	maxExample = 4 << 10          // bytes of an answer that is shown as an example
	maxNamed   = 1 << 14          // answers whose outcome can be asked for by the receipt's name, half of them at least
)

// Library finds the weights of a model.
type Library interface {
	// Replayer loads the model that a receipt names, on the engine that it names. ErrNotHere says that this machine cannot run it now,
	// ErrEngine that it never will. done gives it back.
	Replayer(ctx context.Context, r *receipt.Receipt) (m engine.Replayer, done func(), err error)
}

// Reasons for which this machine cannot run an answer again.
var (
	ErrNotHere = errors.New("audit: the model is not here")
	ErrEngine  = errors.New("audit: another engine")
)

// Market is what an auditor must know of the chain. Its methods do not wait.
type Market interface {
	Tempo(netuid uint32) uint64                      // the running one
	Part(netuid uint32) float64                      // of the stake that this voice holds, in (0, 1]
	Owner(server ServerID) (account string, ok bool) // false where somebody else holds its seat
}

// Outcome is what became of an audit.
type Outcome string

// Outcomes. Only False counts against a server.
const (
	Right   Outcome = "right"
	False   Outcome = "false"
	Near    Outcome = "near"    // it is another engine's: how far it is from the model's own was measured, which decides nothing
	Void    Outcome = "void"    // the request cannot be audited
	Unknown Outcome = "unknown" // this machine could not find out
)

// outcomes are all of them.
var outcomes = []Outcome{Right, False, Near, Void, Unknown}

// Verdict is what became of one answer.
type Verdict struct {
	At      time.Time `json:"at"`
	Receipt string    `json:"receipt"` // its name
	Outcome Outcome   `json:"outcome"`
	Reason  string    `json:"reason,omitempty"`
	Closed  bool      `json:"closed,omitempty"` // it closed the gate
}

// Counts are of all answers since the start.
type Counts struct {
	Answers, Drawn, Right, False, Near, Void, Unknown, LetGo uint64
}

// Auditor draws answers as they end and runs the model on them again. Requests and answers are held in memory only, and
// only until then. Its methods may be called by any goroutine.
type Auditor struct {
	// Found, if set, is told of each false answer, from the goroutines of Run. It is set before Run.
	Found func(c gateway.Checked)

	library Library
	market  Market
	store   *Store
	log     *slog.Logger
	work    chan drawn
	die     func() float64

	mu     sync.Mutex
	known  map[seat]*remembered
	counts Counts
	named  map[[16]byte]uint8 // places in outcomes of the latest receipts', at most maxNamed/2
	before map[[16]byte]uint8 // of the maxNamed/2 before them
}

type seat struct{ netuid, uid uint32 }

// remembered is what is known of who holds a seat, with the model that it serves.
type remembered struct {
	Server
	id     ServerID
	gateID GateID
	gate   Gate
	last   []Verdict // the newest last
	shown  *Claim    // the last answer that others may see and that was right; nil where none was since the start
}

type drawn struct {
	gateway.Checked
	at   time.Time
	gaps []float64 // of an answer of another engine, where they were measured
}

// New makes an auditor over a store, which its caller closes after Run has ended.
func New(l Library, m Market, s *Store, log *slog.Logger) *Auditor {
	return &Auditor{
		library: l, market: m, store: s, log: log, work: make(chan drawn, maxWaiting), die: rand.Float64,
		known: map[seat]*remembered{}, named: map[[16]byte]uint8{},
	}
}

// Offer takes an answer whose receipt has been checked, and draws whether it is audited. Answers without a receipt that
// counts, or of no known model, are not: whoever serves without is not paid as exact. It does not wait.
func (a *Auditor) Offer(c gateway.Checked) {
	if c.Err != nil || c.Answer.Receipt.Digest == [32]byte{} || c.Path != chatPath {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s, err := a.of(serverOf(&c), c.Answer.Receipt.Digest)
	if errors.Is(err, errLeft) {
		return
	}
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
	case a.work <- drawn{Checked: c, at: time.Now()}:
	default:
		a.counts.LetGo++
	}
}

// chatPath is the only endpoint whose answers can be run again.
const chatPath = "/v1/chat/completions"

func serverOf(c *gateway.Checked) ServerID {
	return ServerID{c.NetUID, c.Miner.UID, c.Miner.Registered}
}

// of finds what is remembered of a server; the lock is held.
func (a *Auditor) of(id ServerID, digest [32]byte) (*remembered, error) {
	owner, ok := a.market.Owner(id)
	if !ok {
		return nil, fmt.Errorf("%w: uid %d of subnet %d", errLeft, id.UID, id.NetUID)
	}
	gate := GateID{id.NetUID, owner, digest}
	r := a.known[seat{id.NetUID, id.UID}]
	if r != nil && r.id == id && r.gateID == gate {
		return r, nil
	}
	s, g, err := a.store.load(id, gate)
	if err != nil {
		return nil, err
	}
	r = &remembered{Server: s, id: id, gateID: gate, gate: g}
	a.known[seat{id.NetUID, id.UID}] = r
	return r, nil
}

// errLeft says that a server has lost its seat.
var errLeft = errors.New("audit: the server has left")

// Standing is what this voice thinks of a server of a model.
type Standing struct {
	Open     bool      `json:"open"` // paid
	Why      string    `json:"why"`
	Answers  uint64    `json:"answers"`         // whole ones to this voice and its consumers
	Watched  uint64    `json:"watched"`         // further ones that are all audited
	Closings uint64    `json:"closings"`        // of its owner with this model
	Until    uint64    `json:"until,omitempty"` // first tempo in which the gate is open again; 0 where it was never closed
	Last     []Verdict `json:"last"`            // the newest last
	Closed   bool      `json:"closed"`          // the gate is shut: two answers were false
	Example  *Claim    `json:"-"`               // an answer that was right, where others may see one

	Near near.Tally `json:"near,omitzero"` // of a server on another engine

	Service  uint16 `json:"service"`  // of 65,535, see capacity.Service
	Asked    uint64 `json:"asked"`    // about how many requests of the voice's own that is by
	Answered uint64 `json:"answered"` // of them
}

// Standing says whether a server with a model is paid in the running tempo, and why. Where the memory cannot be read it is not.
func (a *Auditor) Standing(id ServerID, digest [32]byte) Standing {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.of(id, digest)
	if err != nil {
		return Standing{Why: "what was found out about it cannot be read: " + err.Error(), Last: []Verdict{}}
	}
	tempo := a.market.Tempo(id.NetUID)
	s := Standing{
		Answers: r.Answers, Watched: r.Watched, Closings: r.gate.Closings, Until: r.gate.Until, Last: append([]Verdict{}, r.last...),
		Closed: !r.gate.Open(tempo), Example: r.shown, Near: r.Near,
		Service: capacity.Service(r.Server.Answered, r.Server.Asked), Asked: r.Server.Asked, Answered: r.Server.Answered,
	}
	switch {
	case s.Closed:
		s.Why = fmt.Sprintf("closed until tempo %d: %s", r.gate.Until, r.gate.Why)
	case !r.Proven(tempo) && r.Near.Answers > 0:
		s.Why = fmt.Sprintf("it runs another engine, and only answers of the exact one are paid: near its model's, %.4f nats a token over %.0f tokens", r.Near.Distance(), r.Near.Tokens)
	case !r.Proven(tempo):
		s.Why = fmt.Sprintf("no answer of the last %d tempos was run again and found to be its model's", Fresh)
	default:
		s.Open, s.Why = true, fmt.Sprintf("an answer in tempo %d was its model's", r.Shown-1)
	}
	return s
}

// Served counts whether a server answered a request of the voice's own.
func (a *Auditor) Served(id ServerID, digest [32]byte, answered bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.of(id, digest)
	if errors.Is(err, errLeft) {
		return nil
	}
	if err != nil {
		return err
	}
	r.Serve(answered)
	return a.store.save(r.id, r.Server, r.gateID, r.gate)
}

// Hold runs the model on an answer at once, whatever was drawn, and counts what was found like that of any audit.
func (a *Auditor) Hold(ctx context.Context, c gateway.Checked) (Outcome, error) {
	d := drawn{Checked: c, at: time.Now()}
	found := a.replay(ctx, &d)
	if ctx.Err() != nil {
		return Unknown, nil
	}
	err := a.note(d, found)
	if errors.Is(err, errLeft) {
		err = nil
	}
	return d.outcome(found), err
}

// Open says whether a server with a model is paid in the running tempo.
func (a *Auditor) Open(id ServerID, digest [32]byte) bool { return a.Standing(id, digest).Open }

// Counts are those so far.
func (a *Auditor) Counts() Counts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts
}

// Outcome is what became of the answer whose receipt has that nonce; false where it was not audited, or long ago.
func (a *Auditor) Outcome(nonce [16]byte) (Outcome, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, ok := a.named[nonce]
	if !ok {
		o, ok = a.before[nonce]
	}
	if !ok {
		return "", false
	}
	return outcomes[o], true
}

// Asked is how many whole answers a server has given to this voice and its consumers in the running tempo.
func (a *Auditor) Asked(id ServerID, digest [32]byte) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.of(id, digest)
	if err != nil || r.Tempo != a.market.Tempo(id.NetUID) {
		return 0
	}
	return r.Now
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

// Drain audits what is drawn now.
func (a *Auditor) Drain(ctx context.Context) {
	for {
		select {
		case d := <-a.work:
			a.settle(ctx, d)
		default:
			return
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
	err := a.replay(ctx, &d)
	if ctx.Err() != nil {
		return
	}
	if err := a.note(d, err); err != nil && !errors.Is(err, errLeft) {
		a.log.Error("an audit could not be remembered", "err", err)
	}
}

func (a *Auditor) replay(ctx context.Context, d *drawn) (err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("audit: the engine broke: %v", broken)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, maxWork)
	defer cancel()
	m, done, err := a.library.Replayer(ctx, &d.Answer.Receipt)
	if errors.Is(err, ErrEngine) {
		d.gaps = a.gauge(ctx, &d.Checked)
	}
	if err != nil {
		return err
	}
	defer done()
	return Replay(ctx, m, d.Miner.Context, d.Body, d.Answer)
}

// Nearby is a Library that also lends models to measure what other engines answer.
type Nearby interface {
	// Gauger loads the model that a receipt names, whatever engine it names. done gives it back.
	Gauger(ctx context.Context, r *receipt.Receipt) (m engine.Gauger, done func(), err error)
}

// gauge measures how far an answer of another engine is from its model's; nil where that cannot be told of such a request, or here.
func (a *Auditor) gauge(ctx context.Context, c *gateway.Checked) []float64 {
	library, ok := a.library.(Nearby)
	req, err := openai.DecodeChat(c.Body)
	if !ok || err != nil || req.Temperature == nil || len(c.Answer.Choices) != 1 {
		return nil
	}
	m, done, err := library.Gauger(ctx, &c.Answer.Receipt)
	if err != nil {
		return nil
	}
	defer done()
	gaps, err := m.Gaps(ctx, req, c.Answer.Choices[0].Content)
	if err != nil {
		return nil
	}
	return gaps
}

// note keeps a verdict. Only ErrFalse counts against a server: what this machine could not find out, it does not know.
func (a *Auditor) note(d drawn, found error) error {
	v := Verdict{At: time.Now(), Receipt: fmt.Sprintf("%x", d.Answer.Receipt.Nonce), Outcome: d.outcome(found)}
	if found != nil {
		v.Reason = found.Error()
	}
	err := a.remember(d, &v, !errors.Is(found, errShort))
	if v.Outcome == False {
		a.log.Warn("an answer is not its model's", "subnet", d.Subnet, "uid", d.Miner.UID, "reason", v.Reason, "closed", v.Closed)
		if a.Found != nil {
			a.Found(d.Checked)
		}
	}
	return err
}

// outcome is what became of an answer that was run again with that result.
func (d *drawn) outcome(found error) Outcome {
	switch {
	case len(d.gaps) > 0:
		return Near
	case found == nil:
		return Right
	case errors.Is(found, ErrVoid):
		return Void
	case errors.Is(found, ErrFalse):
		return False
	}
	return Unknown
}

// remember counts a verdict, and closes the gate where it must. plain says that others would find a false answer false too.
func (a *Auditor) remember(d drawn, v *Verdict, plain bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.of(serverOf(&d.Checked), d.Answer.Receipt.Digest)
	if err != nil {
		return err
	}
	tempo := a.market.Tempo(d.NetUID)
	if len(d.Miner.HotKey) > 0 {
		r.Signed(wire.PeerID(d.Miner.HotKey))
	}
	switch v.Outcome {
	case Right:
		a.counts.Right++
		r.Right(tempo)
		if c, ok := claimOf(&d.Checked); ok && d.Public && len(c.Request)+len(c.Answer)+len(c.Tokens) <= maxExample {
			r.shown = &c
		}
	case Near:
		a.counts.Near++
		r.Near.Add(d.gaps)
	case Void:
		a.counts.Void++
	case False:
		a.counts.False++
		if v.Closed = r.Fail(); v.Closed {
			r.gate.Close(tempo, v.Reason)
		}
	case Unknown:
		a.counts.Unknown++
	}
	r.last = append(slices.Clone(r.last[max(0, len(r.last)-maxTold+1):]), *v)
	a.name(d.Answer.Receipt.Nonce, v.Outcome)
	err = a.store.save(r.id, r.Server, r.gateID, r.gate)
	if v.Outcome == False && plain {
		err = errors.Join(err, a.publish(r, tempo, &d.Checked))
	}
	return err
}

// name makes an outcome one that can be asked for; the lock is held.
func (a *Auditor) name(nonce [16]byte, o Outcome) {
	if len(a.named) >= maxNamed/2 {
		a.named, a.before = map[[16]byte]uint8{}, a.named
	}
	a.named[nonce] = uint8(slices.Index(outcomes, o))
}
