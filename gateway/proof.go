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
	maxUnchecked = 1024            // answers whose receipts wait to be checked; further ones are dropped and counted
	trailerTime  = 2 * time.Second // for what follows a stream's end
	keepEvery    = time.Second     // between two writes of the store
)

// Proofs say for whom answers are signed and what becomes of their receipts.
type Proofs struct {
	ChainID string
	Voice   ed25519.PublicKey // hot key of the gateway's validator
	Store   *receipts.Store   // nil keeps none

	// Tempo is the first half of a nonce of that subnet now. Nil makes it zero.
	Tempo func(netuid uint32) [8]byte
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
	Answer *receipt.Answer // nil where Err is not
	Err    error           // why the receipt does not count
}

// Nonce draws the nonce of a request: the tempo's half and 8 random bytes.
func Nonce(tempo [8]byte) (nonce [16]byte) {
	copy(nonce[:8], tempo[:])
	rand.Read(nonce[8:]) // never fails
	return nonce
}

// unchecked is an answer on its way to be checked.
type unchecked struct {
	Checked
	heard  receipt.Heard
	signed string
	nonce  [16]byte
	at     time.Time
}

// nonce draws the nonce of a request to a miner.
func (g *Gateway) nonce(netuid uint32) [16]byte {
	if g.Proofs == nil || g.Proofs.Tempo == nil {
		return Nonce([8]byte{})
	}
	return Nonce(g.Proofs.Tempo(netuid))
}

// proof hands an answer that was delivered whole to who checks its receipt.
func (a *answer) proof() {
	if a.Proofs == nil {
		return
	}
	u := &unchecked{
		Checked: Checked{NetUID: a.from.netuid, Subnet: a.route.subnet, Miner: a.from.Miner, Body: a.body, Path: a.path},
		heard:   a.heard, signed: a.receipt(), nonce: a.nonce, at: time.Now(),
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
	keep := func() {
		if g.Proofs.Store == nil || len(good) == 0 {
			return
		}
		if err := g.Proofs.Store.Keep(time.Now(), good); err != nil {
			g.Log.Error("receipts could not be kept", "receipts", len(good), "err", err)
		}
		good = good[:0]
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
			}
			if len(good) >= maxUnchecked {
				keep()
			}
		}
	}
}

// open checks one receipt.
func (g *Gateway) open(u *unchecked) (receipts.Record, bool) {
	p := g.Proofs
	u.Answer, u.Err = u.heard.Check(u.signed, u.Miner.HotKey, receipt.Bound{
		ChainID: p.ChainID, Netuid: u.NetUID, UID: u.Miner.UID, Registered: u.Miner.Registered, Voice: [32]byte(p.Voice), Nonce: u.nonce,
		Request: receipt.RequestHash(u.nonce, u.Body), Digest: digestOf(u.Miner.Digest), Engine: u.Miner.Engine,
	})
	outcome := "ok"
	switch {
	case u.Err != nil && u.signed == "":
		outcome = "missing"
	case u.Err != nil:
		outcome = "bad"
	}
	g.metrics.receipts.WithLabelValues(u.Subnet, outcome).Inc()
	if p.Checked != nil {
		p.Checked(u.Checked)
	}
	return receipts.Record{ID: hex.EncodeToString(u.nonce[:]), Signed: u.signed, HotKey: wire.PeerID(u.Miner.HotKey), At: u.at}, u.Err == nil
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
	text, err := json.Marshal(r)
	if err != nil { // strings always marshal
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // fails only where nobody reads any more
}
