package cashier

import (
	"crypto/ed25519"
	"net/http"
	"time"

	"agora/gateway"
	"agora/mechanism/price"
	"agora/validator"
)

// tempo is the one that runs in a subnet, and this validator's part of its voices' stake.
type tempo struct {
	number, stake, total uint64
	began                time.Time // here
}

// place is a server in a subnet.
type place struct {
	netuid uint32
	key    [ed25519.PublicKeySize]byte
}

// tally is what this validator has asked of one server in a tempo. The server is owed what consumers paid for it, and what
// all answers cost above what is free, whichever is more: as much as its own meter counts, or more.
type tally struct {
	tempo  uint64
	used   price.Tokens
	sold   uint64 // rao
	owed   uint64 // rao, in all
	judged uint64 // rao of that for the validator's own questions
	within bool   // the tempo before ended within what is free
}

// sell counts a consumer's answer and returns what it adds to what is owed.
func (t *tally) sell(w gateway.Work, free uint64) (more uint64) {
	t.used, t.sold = t.used.Plus(w.Used), t.sold+w.Rao
	return t.due(w.Rates, free)
}

// ask counts an answer to a question of the validator's own.
func (t *tally) ask(w gateway.Work, free uint64) (more uint64) {
	t.used = t.used.Plus(w.Used)
	more = t.due(w.Rates, free)
	t.judged += more
	return more
}

func (t *tally) due(rates price.Rates, free uint64) (more uint64) {
	now := max(t.owed, t.sold, price.Metered(t.used, free, rates))
	more, t.owed = now-t.owed, now
	return more
}

// tally finds a server's in the tempo that runs. The lock is held.
func (c *Cashier) tally(w gateway.Work) *tally {
	at := place{w.NetUID, [ed25519.PublicKeySize]byte(w.HotKey)}
	t := c.tallies[at]
	now := c.tempos[w.NetUID].number
	if t == nil || t.tempo != now {
		within := t == nil || t.used.Sum() < c.free(w)
		t = &tally{tempo: now, within: within}
		c.tallies[at] = t
	}
	return t
}

// free is what a server answers this validator for nothing in the tempo that runs; everything until that is known. The lock
// is held.
func (c *Cashier) free(w gateway.Work) uint64 {
	t, known := c.tempos[w.NetUID]
	if !known {
		return 1 << 62
	}
	return price.Free(w.Slots, t.stake, t.total)
}

// Begin implements validator.Payer.
func (c *Cashier) Begin(netuid uint32, number, stake, total uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tempos[netuid] = tempo{number, stake, total, time.Now()}
	for at, t := range c.tallies { // of servers that left
		if at.netuid == netuid && t.tempo+2 < number {
			delete(c.tallies, at)
		}
	}
}

// Affords implements validator.Payer. Beyond what is free a question costs money, of which a server gets Judging in a tempo
// at most, and nothing while it cannot be paid.
func (c *Cashier) Affords(netuid uint32, m validator.Miner) bool {
	w := asked(netuid, m, price.Tokens{})
	if w.Rates == (price.Rates{}) {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tally(w)
	if t.used.Sum() < c.free(w) {
		return true
	}
	return t.judged < c.Judging && time.Since(c.of(w.Payee).failed) > runOut
}

// runOut is how long a miner that could not be paid is asked nothing that costs.
const runOut = time.Minute

// Pays implements validator.Payer.
func (c *Cashier) Pays(h http.Header, netuid uint32, m validator.Miner, most price.Tokens) {
	if w := asked(netuid, m, price.Tokens{}); w.Rates != (price.Rates{}) {
		_, ceiling := price.Answer(most, w.Rates)
		c.Enclose(h, w, ceiling)
	}
}

// Asked implements validator.Payer.
func (c *Cashier) Asked(netuid uint32, m validator.Miner, used price.Tokens) {
	w := asked(netuid, m, used)
	if w.Rates == (price.Rates{}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owe(w, c.tally(w).ask(w, c.free(w)))
}

// grace is how long a miner may take to see that a new tempo has begun.
const grace = time.Minute

// Owed implements validator.Payer: whether a miner that wants to be paid first has to answer for nothing. Where that is not
// sure, because others are asking it too or the tempo has just begun, it has not, and is paid what it is owed.
func (c *Cashier) Owed(netuid uint32, m validator.Miner, most price.Tokens) bool {
	w := asked(netuid, m, price.Tokens{})
	busy := c.Busy != nil && c.Busy(m.HotKey)
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tally(w)
	fresh := time.Since(c.tempos[netuid].began) < grace && !t.within
	if !busy && !fresh && t.used.Plus(most).Sum() <= c.free(w) {
		return true
	}
	c.of(w.Payee).asked = true
	return false
}

// asked is an answer of m to this validator's own question.
func asked(netuid uint32, m validator.Miner, used price.Tokens) gateway.Work {
	w := gateway.Work{Payee: m.Owner, NetUID: netuid, HotKey: m.HotKey, Slots: uint64(m.Capacity()), Used: used}
	if m.Card != nil {
		w.Rates = price.Rates{In: m.Card.PriceIn, Out: m.Card.PriceOut}
	}
	return w
}
