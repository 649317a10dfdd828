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
	"time"

	"agora/gateway/receipts"
	"agora/wire"
	"agora/wire/openai"
	"agora/wire/receipt"
)

const (
	maxUnchecked = 1024              // answers whose receipts wait to be checked; further ones are dropped and counted
	trailerTime  = 2 * time.Second   // for what follows a stream's end
	keepEvery    = time.Second       // between two writes of the store
	maxWaiting   = 16 * maxUnchecked // receipts that wait for a store that cannot be written; older ones go
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
	at    time.Time
}

// nonce draws the nonce of a request to a miner.
func (p *Proofs) nonce(netuid uint32) [16]byte {
	if p == nil || p.Tempo == nil {
		return Nonce([8]byte{})
	}
	return Nonce(p.Tempo(netuid))
}

// proof hands an answer that was delivered whole to who checks its receipt.
func (a *answer) proof() {
	if a.Proofs == nil {
		return
	}
	u := &unchecked{
		Checked: Checked{NetUID: a.from.netuid, Subnet: a.route.subnet, Miner: a.from.Miner, Body: a.body, Path: a.path, Signed: a.receipt(), Public: a.public},
		heard:   a.heard, nonce: a.nonce, at: time.Now(),
	}
	select {
	case a.unchecked <- u:
	default:
		a.metrics.receipts.WithLabelValues(a.route.subnet, "dropped").Inc()
	}
}

// receipt is what the miner signed: in the header of a whole answer, in the trailer of a stream, which comes after its end.
func (a *answer) receipt() string {
	if a.stream == nil {
		return a.resp.Header.Get(receipt.Header)
	}
	a.watch.Reset(trailerTime)
	_, _ = io.Copy(io.Discard, io.LimitReader(a.resp.Body, 4<<10)) // a stream that goes on has no receipt
	return a.resp.Trailer.Get(receipt.Header)
}

// check opens receipts until ctx ends, and keeps those that count.
func (g *Gateway) check(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	var good []receipts.Record
	failing := false
	keep := func() {
		if g.Proofs.Store == nil || len(good) == 0 {
			return
		}
		err := g.Proofs.Store.Keep(time.Now(), good)
		if err == nil {
			good, failing = good[:0], false
			return
		}
		if !failing {
			g.Log.Error("receipts cannot be kept now, they wait", "receipts", len(good), "err", err)
		}
		failing = true
		good = append(good[:0], good[max(0, len(good)-maxWaiting):]...)
	}
	defer keep()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			keep()
		case u := <-g.unchecked:
			if r, ok := g.open(u); ok {
				good = append(good, r)
				if !failing { // else what is noted would fill what is left of the disk
					g.note(r)
				}
			}
			if len(good) == maxUnchecked {
				keep()
			}
		}
	}
}

// note writes a receipt down, so that it is there after the gateway was killed.
func (g *Gateway) note(r receipts.Record) {
	if g.Proofs.Store == nil {
		return
	}
	if err := g.Proofs.Store.Note(r); err != nil {
		g.Log.Debug("a receipt waits in memory alone", "err", err) // that it cannot be kept either is told once
	}
}

// open checks one receipt.
func (g *Gateway) open(u *unchecked) (receipts.Record, bool) {
	p := g.Proofs
	u.check(p)
	outcome := "ok"
	switch {
	case u.Err != nil && u.Signed == "":
		outcome = "missing"
	case u.Err != nil:
		outcome = "bad"
	}
	g.metrics.receipts.WithLabelValues(u.Subnet, outcome).Inc()
	if p.Checked != nil {
		p.Checked(u.Checked)
	}
	return receipts.Record{ID: hex.EncodeToString(u.nonce[:]), Signed: u.Signed, HotKey: wire.PeerID(u.Miner.HotKey), At: u.at}, u.Err == nil
}

// check holds an answer's receipt to what its voice knows.
func (u *unchecked) check(p *Proofs) {
	u.Answer, u.Err = u.heard.Check(u.Signed, u.Miner.HotKey, receipt.Bound{
		ChainID: p.ChainID, Netuid: u.NetUID, UID: u.Miner.UID, Registered: u.Miner.Registered, Voice: [32]byte(p.Voice), Nonce: u.nonce,
		Request: receipt.RequestHash(u.nonce, u.Body), Digest: digestOf(u.Miner.Digest), Engine: u.Miner.Engine,
	})
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
