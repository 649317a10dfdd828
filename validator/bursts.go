package validator

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"agora/gateway"
	"agora/mechanism/capacity"
	"agora/validator/audit"
	"agora/validator/burst"
	"agora/validator/exam"
	"agora/wire"
	"agora/wire/openai"
)

// bursts measures what the servers of a subnet of open models can do, at moments at which all voices measure.
type bursts struct {
	*caller
	moments chan int64 // at most one waits
	last    int64      // of the goroutine that calls block

	mu   sync.Mutex
	open map[burst.ID]uint64 // servers under measure, with the work of their answers to consumers
}

// How servers are measured.
const (
	late       = 2               // blocks after a moment in which a burst may still begin
	hearEvery  = 2 * time.Minute // and when a tempo begins
	hearLook   = time.Second
	replayed   = 8 // of so many answers of a burst one is run again
	replayTime = 5 * time.Minute
	wordBytes  = 4 // that a token has about
	reserved   = 64
)

func newBursts(c *caller) *bursts {
	return &bursts{caller: c, moments: make(chan int64, 1), open: map[burst.ID]uint64{}}
}

// measuring says whether a server is under measure now.
func (b *bursts) measuring(id burst.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, under := b.open[id]
	return under
}

// block looks whether a block is a moment here. zeros says that it ends eight hashes with a 0 bit. Where the burst before still runs
// the moment is none for this voice.
func (b *bursts) block(height int64, zeros bool) {
	t, ok := b.course.Running()
	m := b.directory.market(b.netuid)
	if !ok || m == nil {
		return
	}
	at := height
	if m.Tempo < capacity.Tempo {
		at = capacity.Drawn(t.Seed, t.Height, int64(m.Tempo))
	} else if !zeros {
		return
	}
	if at <= b.last || at > height || height-at > late {
		return
	}
	b.last = at
	select {
	case b.moments <- at:
	default:
	}
}

// run measures, and hears what others have measured, until ctx ends.
func (b *bursts) run(ctx context.Context) {
	tick := time.NewTicker(hearLook)
	defer tick.Stop()
	tempo, heard := uint64(0), time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-b.moments:
			if err := b.measure(ctx, at); err != nil && ctx.Err() == nil {
				b.cfg.Log.Warn("what servers can do was not measured", "netuid", b.netuid, "moment", at, "err", err)
			}
		case <-tick.C:
		}
		if t, ok := b.course.Running(); ok && (t.Epoch != tempo || time.Since(heard) > hearEvery) {
			tempo, heard = t.Epoch, time.Now()
			b.hearRows(ctx)
		}
	}
}

// measure sends this voice's part of the bursts of a moment and keeps what it sees.
func (b *bursts) measure(ctx context.Context, at int64) error {
	t, ok := b.course.Running()
	m := b.directory.market(b.netuid)
	height, err := b.cfg.Client.Height(ctx)
	if err != nil || !ok || m == nil || height-at > late {
		return err
	}
	orders := b.orders(t, m)
	b.send(ctx, at, orders, time.Duration(capacity.Window(int64(m.Tempo)))*time.Microsecond)
	if ctx.Err() != nil {
		return nil
	}
	b.hold(ctx, orders)
	row := burst.Row{Moment: at, Lines: []burst.Line{}}
	for _, o := range orders {
		row.Lines = append(row.Lines, o.line)
	}
	return b.rows.Keep(b.netuid, row)
}

// order is this voice's part of the burst of one server.
type order struct {
	server exam.Server
	miner  Miner
	there  bool
	shape  capacity.Shape
	reads  int // tokens, 0 where that is not known
	rounds int
	line   burst.Line
	whole  []gateway.Checked // answers that count
}

// orders are those of all servers whose gates are not shut, by uid; those to which this voice sends nothing are left out.
func (b *bursts) orders(t exam.Sitting, m *market) (list []*order) {
	stakes, mine := make([]uint64, len(m.heard)), -1
	for i, v := range m.heard {
		stakes[i] = v.stake
		if b.directory.hotKey.Equal(ed25519.PublicKey(v.key[:])) {
			mine = i
		}
	}
	if mine < 0 {
		return nil
	}
	for _, s := range t.Servers {
		miner, there := b.connected(s)
		if gate, audited := b.Gate(b.netuid, s); !audited || gate.Closed {
			continue
		}
		size := capacity.Size(miner.Capacity())
		own := capacity.Divide(size, stakes, t.Seed, s.UID)[mine]
		if own == 0 {
			continue
		}
		o := &order{server: s, miner: miner, there: there, rounds: capacity.RoundsOf(int64(m.Tempo))}
		o.line = burst.Line{UID: s.UID, Registered: s.Registered, Own: uint64(own), Whole: uint64(size)}
		if miner.Card != nil {
			o.reads = int(miner.Card.Context)
		}
		o.shape = capacity.ShapeOf(o.reads, int64(m.Tempo))
		list = append(list, o)
	}
	return list
}

// burstBody asks for an answer to a fresh prompt of about so many tokens; one that a model of single bytes can read too.
func burstBody(s capacity.Shape, context int) []byte {
	size := wordBytes * s.Prompt
	if context > 0 {
		size = max(reserved, min(size, context-s.Answer-reserved))
	}
	prompt := text(size)
	zero := 0.0
	r := &openai.ChatRequest{Model: "chat", Messages: []openai.Message{{Role: "user", Content: openai.Content(prompt[:size])}}, MaxTokens: &s.Answer, Temperature: &zero}
	body, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("validator: a request of strings and numbers must marshal: %v", err))
	}
	return body
}

// send keeps requests with all servers at once for as long as the window is open, and fills in the lines.
func (b *bursts) send(ctx context.Context, at int64, orders []*order, window time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, window)
	defer cancel()
	var asks sync.WaitGroup
	defer asks.Wait()
	for _, o := range orders {
		o.line.Micros = uint64(window.Microseconds())
		if o.there {
			asks.Go(func() { b.sendTo(ctx, at, o) })
		}
	}
}

// sendTo measures one server. Answers to consumers count until its last request has ended, at the latest with the window.
func (b *bursts) sendTo(ctx context.Context, at int64, o *order) {
	b.watch(o.line.ID())
	by := marked{b.Way(b.netuid, o.miner), strconv.FormatInt(at, 10)}
	lanes := make([][]gateway.Checked, o.line.Own)
	var asks sync.WaitGroup
	for i := range lanes {
		asks.Go(func() {
			for round := 0; round < o.rounds && ctx.Err() == nil; round++ {
				c, err := b.audits.asks.Challenge(ctx, by, b.netuid, served(o.miner, o.server), taskPath, burstBody(o.shape, o.reads))
				if err == nil && ctx.Err() == nil {
					lanes[i] = append(lanes[i], c)
				}
			}
		})
	}
	asks.Wait()
	o.count(slices.Concat(lanes...), b.watched(o.line.ID()))
}

// count fills in what answers that ended in time, and those to consumers, come to.
func (o *order) count(answers []gateway.Checked, consumers uint64) {
	o.line.Consumers, o.line.Work = consumers, consumers
	for _, c := range answers {
		work, ok := workOf(&c, o.shape.Answer)
		if !ok {
			continue
		}
		o.line.Answered++
		o.line.Work += work
		o.whole = append(o.whole, c)
		if len(o.line.Receipts) < burst.MaxReceipts {
			o.line.Receipts = append(o.line.Receipts, c.Signed)
		}
	}
}

// workOf is what an answer is worth of which at most so many tokens were asked; false where its receipt does not count, or does not
// tell the tokens. A prompt has no more tokens than its request has bytes.
func workOf(c *gateway.Checked, most int) (uint64, bool) {
	if c.Err != nil || c.Answer == nil || c.Answer.Tokens == nil {
		return 0, false
	}
	wrote := 0
	for _, ids := range c.Answer.Tokens {
		wrote += len(ids)
	}
	read := min(uint64(c.Answer.Receipt.Prompt), uint64(len(c.Body)))
	return capacity.Work(read, uint64(min(wrote, most))), true
}

// marked are requests of a burst.
type marked struct {
	http.RoundTripper
	moment string
}

// RoundTrip implements http.RoundTripper.
func (m marked) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set(wire.BurstHeader, m.moment)
	return m.RoundTripper.RoundTrip(r)
}

// watch counts from now on what a server answers consumers of this voice; watched ends that.
func (b *bursts) watch(id burst.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[id] = 0
}

func (b *bursts) watched(id burst.ID) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	work := b.open[id]
	delete(b.open, id)
	return work
}

// also counts an answer to a consumer, where its server is under measure.
func (b *bursts) also(c *gateway.Checked) {
	work, ok := workOf(c, audit.MaxTokens)
	if !ok {
		return
	}
	id := burst.ID{UID: c.Miner.UID, Registered: c.Miner.Registered}
	b.mu.Lock()
	defer b.mu.Unlock()
	if sum, measured := b.open[id]; measured {
		b.open[id] = sum + work
	}
}

// hold runs one in eight of the answers again, once all are there. What this machine cannot find out counts as it came.
func (b *bursts) hold(ctx context.Context, orders []*order) {
	ctx, cancel := context.WithTimeout(ctx, replayTime)
	defer cancel()
	for _, o := range orders {
		for _, c := range o.whole {
			if mathrand.IntN(replayed) != 0 || ctx.Err() != nil {
				continue
			}
			outcome, err := b.audits.Hold(ctx, c)
			if err != nil {
				b.cfg.Log.Error("an audit could not be remembered", "err", err)
			}
			o.line.False = o.line.False || outcome == audit.False
		}
	}
}
