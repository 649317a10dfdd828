package gateway

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"agora/gateway/receipts"
	"agora/wire/openai"
	"agora/wire/receipt"
)

const (
	maxUnchecked = 1024                   // answers whose receipts wait to be checked; of further ones the note is, later
	trailerTime  = 2 * time.Second        // for what follows a stream's end
	endTime      = 100 * time.Millisecond // for which an answer's end waits for its receipt
	keepEvery    = time.Second            // between two writes of the store
	maxTogether  = 64                     // receipts that are checked at once
	gatherTime   = 5 * time.Millisecond   // for which the first of them waits for others
	maxWaiting   = 16 * maxUnchecked      // receipts that wait for a store that cannot be written; older ones are left as notes, or go
)

// Proofs say for whom answers are signed and what becomes of their receipts.
type Proofs struct {
	ChainID string
	Voice   ed25519.PublicKey // hot key of the gateway's validator
	Store   *receipts.Store   // nil keeps none

	// Tempo is the first half of a nonce of that subnet now. Nil makes it zero.
	Tempo func(netuid uint32) [8]byte
	// Audited says whether a miner's answers at a path may be run again, and Outcome, by its nonce, whether one was found to be its
	// model's: "yes", "no", or "pending" for one that was not run again. Nil is never.
	Audited func(netuid uint32, m Miner, path string) bool
	Outcome func(nonce [16]byte) string
	// Checked is told of each answer when its receipt has been checked, from one goroutine. It must not hold it up. Nil is nobody.
	Checked func(Checked)
}

// Checked is an answer whose receipt has been checked.
type Checked struct {
	NetUID uint32
	Subnet string // its name
	Miner  Miner
	Body   []byte // of the request as the miner got it
	Path   string
	Signed string          // what the miner signed
	Public bool            // others may see request and answer
	Answer *receipt.Answer // nil where Err is not
	Err    error           // why the receipt does not count
}

// Nonce draws the nonce of a request: the tempo's half and 8 random bytes.
func Nonce(tempo [8]byte) (nonce [16]byte) {
	copy(nonce[:8], tempo[:])
	rand.Read(nonce[8:]) // never fails
	return nonce
}

// Words of x-agora-verified.
const (
	VerifiedYes     = "yes"     // the model was run again and gives this answer
	VerifiedNo      = "no"      // it does not, or nobody can find out
	VerifiedPending = "pending" // it was not run again so far
)

// verified is what is known of an answer before it is given.
func (p *Proofs) verified(netuid uint32, m Miner, path string) string {
	if p.Audited != nil && p.Audited(netuid, m, path) {
		return VerifiedPending
	}
	return VerifiedNo
}

// unchecked is an answer on its way to be checked.
type unchecked struct {
	Checked
	heard receipt.Heard
	nonce [16]byte
	noted *receipts.Noted // nil where nothing is kept
}

// nonce draws the nonce of a request to a miner.
func (p *Proofs) nonce(netuid uint32) [16]byte {
	if p == nil || p.Tempo == nil {
		return Nonce([8]byte{})
	}
	return Nonce(p.Tempo(netuid))
}

// lastly gives the consumer an answer's last part once its receipt is written down, so that who has a whole answer finds its
// receipt, whatever becomes of the gateway. A receipt that is late does not hold the answer up.
func (a *answer) lastly(end func() error) error {
	if a.Proofs == nil {
		return end()
	}
	if a.stream != nil && !a.ended() {
		end = sync.OnceValue(end)
		late := time.AfterFunc(endTime, func() {
			defer func() { _ = recover() }() // the call below panics again
			_ = end()
		})
		defer late.Stop()
	}
	a.sign()
	return end()
}

// sign takes what the miner signed for an answer that is whole, and notes it. Of a consumer who left before it came nothing is checked: the
// request ended with it, and the miner is not to blame.
func (a *answer) sign() {
	u := &unchecked{
		Checked: Checked{NetUID: a.from.netuid, Subnet: a.route.subnet, Miner: a.from.Miner, Body: a.body, Path: a.path, Signed: a.receipt(), Public: a.public},
		heard:   a.heard, nonce: a.nonce,
	}
	if u.Signed == "" && a.gone() {
		a.heard.Free()
		return
	}
	a.signed, a.heard = u, receipt.Heard{} // its memory is the check's
	if a.Proofs.Store == nil || u.Signed == "" {
		return
	}
	var err error
	u.noted, err = a.Proofs.Store.Note(&receipts.Note{
		Nonce: a.nonce, HotKey: [ed25519.PublicKeySize]byte(a.from.HotKey), Voice: [ed25519.PublicKeySize]byte(a.Proofs.Voice), NetUID: u.NetUID, UID: u.Miner.UID, Registered: u.Miner.Registered,
		At: time.Now(), Signed: u.Signed,
	})
	if err != nil {
		a.Log.Debug("a receipt waits in memory alone", "err", err) // that it cannot be kept either is told once
	}
}

// proof hands an answer that was delivered whole to who checks its receipt. Where too many wait, its note is checked later.
func (a *answer) proof() {
	if a.signed == nil {
		return
	}
	select {
	case a.unchecked <- a.signed:
		return
	default:
	}
	outcome := "dropped"
	if n := a.signed.noted; n != nil && n.Written() {
		a.Proofs.Store.Leave(n)
		outcome = "late"
	}
	a.metrics.receipts.WithLabelValues(a.route.subnet, outcome).Inc()
}

// receipt is what the miner signed: in the header of a whole answer, in the trailer of a stream, which comes after its end.
func (a *answer) receipt() string {
	if a.stream == nil {
		return a.resp.Header.Get(receipt.Header)
	}
	if !a.ended() {
		a.await(trailerTime)
		_, _ = io.Copy(io.Discard, io.LimitReader(a.resp.Body, 4<<10)) // a stream that goes on has no receipt
	}
	return a.resp.Trailer.Get(receipt.Header)
}

// ended says that all of an answer is here, its trailer too, which most often comes with its end.
func (a *answer) ended() bool {
	body, ok := a.resp.Body.(interface{ AtEnd() bool })
	return ok && body.AtEnd()
}

// check opens receipts until ctx ends, and keeps those that count.
func (g *Gateway) check(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	k := keeper{Gateway: g}
	k.recall()
	defer k.keep()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.keep()
			k.recall()
		case u := <-g.unchecked:
			list := g.gather(u)
			g.open(list)
			for _, u := range list {
				k.take(u.noted, u.Err)
			}
			if len(k.good) >= maxUnchecked {
				k.keep()
			}
		}
	}
}

// gather waits a moment for answers to be checked together with one, which takes less of the processor and wakes nobody for each.
func (g *Gateway) gather(first *unchecked) []*unchecked {
	if len(g.unchecked) < maxTogether {
		time.Sleep(gatherTime)
	}
	list := make([]*unchecked, 1, min(1+len(g.unchecked), maxTogether))
	list[0] = first
	for len(list) < cap(list) {
		list = append(list, <-g.unchecked) // nobody else takes any
	}
	return list
}

// keeper holds the receipts that count until they are kept.
type keeper struct {
	*Gateway
	good    []*receipts.Noted
	failing bool
}

// take holds a receipt that counts, and forgets the note of another.
func (k *keeper) take(n *receipts.Noted, err error) {
	switch {
	case n == nil:
	case err == nil:
		k.good = append(k.good, n)
	default:
		k.settled(k.Proofs.Store.Forget(n))
	}
}

// settled tells of a note that cannot be struck out: it is checked again after a restart, and does no harm.
func (k *keeper) settled(err error) {
	if err != nil {
		k.Log.Debug("a note cannot be settled", "err", err)
	}
}

// keep writes what is held into the store. What cannot be written waits.
func (k *keeper) keep() {
	if len(k.good) == 0 {
		return
	}
	err := k.Proofs.Store.Keep(time.Now(), k.good)
	if err == nil {
		k.good, k.failing = nil, false
		return
	}
	if !k.failing {
		k.Log.Error("receipts cannot be kept now, they wait", "receipts", len(k.good), "err", err)
	}
	k.failing = true
	for len(k.good) > maxWaiting {
		if n := k.good[0]; n.Written() {
			k.Proofs.Store.Leave(n)
		}
		k.good = k.good[1:]
	}
}

// recall keeps receipts of which nothing but the note is left: of answers before the gateway was killed, or more than could be
// checked in time. They are held to what can be known without request and answer.
func (k *keeper) recall() {
	if k.Proofs.Store == nil || k.failing {
		return
	}
	for _, n := range k.Proofs.Store.Left(maxUnchecked) {
		k.take(n, k.Proofs.recall(&n.Note))
	}
	k.keep()
}

// recall checks that a note's miner signed it from its seat, for the voice that asked on this chain and for this nonce. The voice may have
// another hot key since.
func (p *Proofs) recall(n *receipts.Note) error {
	r, err := receipt.Open(n.Signed, n.HotKey[:])
	if err != nil {
		return err
	}
	voice := n.Voice
	if voice == [32]byte{} {
		voice = [32]byte(p.Voice)
	}
	return r.Check(&receipt.Bound{
		ChainID: p.ChainID, Netuid: n.NetUID, UID: n.UID, Registered: n.Registered, Voice: voice, Nonce: n.Nonce,
		Request: r.Request, Answer: r.Answer, Tokens: r.Tokens, Digest: r.Digest, Engine: r.Engine,
	})
}

// open checks the receipts of answers, and tells of each.
func (g *Gateway) open(list []*unchecked) {
	claims := make([]*receipt.Unchecked, len(list))
	for i, u := range list {
		claims[i] = u.claim(g.Proofs)
	}
	receipt.Check(claims)
	for i, u := range list {
		u.Answer, u.Err = claims[i].Answer, claims[i].Err
		u.heard.Free()
		outcome := "ok"
		switch {
		case u.Err != nil && u.Signed == "":
			outcome = "missing"
		case u.Err != nil:
			outcome = "bad"
		}
		g.metrics.receipts.WithLabelValues(u.Subnet, outcome).Inc()
		if g.Proofs.Checked != nil {
			g.Proofs.Checked(u.Checked)
		}
	}
}

// claim is an answer's receipt beside what its voice knows.
func (u *unchecked) claim(p *Proofs) *receipt.Unchecked {
	c := &receipt.Unchecked{Heard: &u.heard, Signed: u.Signed, Key: u.Miner.HotKey, Bound: receipt.Bound{
		ChainID: p.ChainID, Netuid: u.NetUID, UID: u.Miner.UID, Registered: u.Miner.Registered, Voice: [32]byte(p.Voice), Nonce: u.nonce,
		Digest: digestOf(u.Miner.Digest), Engine: u.Miner.Engine,
	}}
	if u.Signed != "" { // else nothing is held to it
		c.Bound.Request = receipt.RequestHash(u.nonce, u.Body)
	}
	return c
}

// digestOf reads a card's "sha256:<hex>"; zero where it is nothing of that form.
func digestOf(text string) (d [32]byte) {
	if b, err := hex.DecodeString(strings.TrimPrefix(text, "sha256:")); err == nil && len(b) == len(d) {
		copy(d[:], b)
	}
	return d
}

// receiptOf answers GET /v1/receipts/NAME.
func (g *Gateway) receiptOf(w http.ResponseWriter, id string) {
	if g.Proofs == nil || g.Proofs.Store == nil {
		g.deny(w, openai.Errorf(http.StatusNotFound, "this gateway keeps no receipts").WithCode("no_receipts"), 0)
		return
	}
	r, err := g.Proofs.Store.Find(id)
	if errors.Is(err, receipts.ErrUnknown) {
		g.deny(w, openai.Errorf(http.StatusNotFound, "there is no receipt %.64q: its miner signed none, or it is older than 7 days; one is there some seconds after its answer", id).WithCode("unknown_receipt"), 0)
		return
	}
	if err != nil {
		g.Log.Error("receipts cannot be read", "err", err)
		g.deny(w, openai.Errorf(http.StatusInternalServerError, "the receipts cannot be read now").WithCode("internal_error"), 0)
		return
	}
	verified := ""
	if nonce, err := hex.DecodeString(r.ID); err == nil && len(nonce) == 16 && g.Proofs.Outcome != nil {
		verified = g.Proofs.Outcome([16]byte(nonce))
		w.Header().Set("X-Agora-Verified", verified)
	}
	text, err := json.Marshal(struct {
		receipts.Record
		Verified string `json:"verified,omitempty"` // as far as this gateway knows
	}{r, verified})
	if err != nil { // strings always marshal
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // fails only where nobody reads any more
}
