package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"agora/engine"
	"agora/gateway"
	"agora/wire"
	"agora/wire/receipt"
)

var (
	serverKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	voiceKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32)).Public().(ed25519.PublicKey)
)

// signed is what served gives, with a receipt that the server's key signed, as a voice checked it.
func signed(t testing.TB, e engine.Chatter, n int, options string) gateway.Checked {
	t.Helper()
	c := served(t, e, n, options)
	r := &c.Answer.Receipt
	r.ChainID, r.Netuid, r.UID, r.Registered, r.Engine, r.Version = "agora-test", 1, 3, 5, "native", "1"
	r.Answer, r.Tokens = receipt.AnswerHash(c.Answer.Choices), receipt.TokensHash(c.Answer.Tokens)
	text, err := receipt.Sign(r, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	c.Signed, c.Public, c.Miner.HotKey = text, true, serverKey.Public().(ed25519.PublicKey)
	return c
}

// proof is one of two answers of e.
func proof(t testing.TB, e engine.Chatter, n int) Proof {
	t.Helper()
	p := Proof{HotKey: wire.PeerID(serverKey.Public().(ed25519.PublicKey))}
	for i := range p.Claims {
		c := signed(t, e, n+i, "")
		claim, ok := claimOf(&c)
		if !ok {
			t.Fatal("no claim")
		}
		p.Claims[i] = claim
	}
	return p
}

func TestAProofHoldsForWhoeverHasTheModel(t *testing.T) {
	e, other := small(t, 1), small(t, 2)
	p := proof(t, other, 1)
	text, err := json.Marshal(map[string]any{"proofs": []Proof{p}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := ParseProofs(text)
	if err != nil || len(list) != 1 || list[0] != p {
		t.Fatalf("%v, %d proofs", err, len(list))
	}
	s, err := list[0].Open("agora-test")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context(), e); err != nil {
		t.Errorf("%v", err)
	}
	if err := s.Check(t.Context(), other); !errors.Is(err, ErrClean) {
		t.Errorf("by the model that answered: %v", err)
	}
}

func TestWhatDoesNotFitTogetherIsNoProof(t *testing.T) {
	e := small(t, 1)
	good := proof(t, e, 1)
	for name, change := range map[string]func(*Proof){
		"another key":           func(p *Proof) { p.HotKey = wire.PeerID(voiceKey) },
		"no key":                func(p *Proof) { p.HotKey = "" },
		"one answer twice":      func(p *Proof) { p.Claims[1] = p.Claims[0] },
		"another request":       func(p *Proof) { p.Claims[0].Request = strings.Replace(p.Claims[0].Request, "1", "2", 1) },
		"another answer":        func(p *Proof) { p.Claims[0].Answer = strings.Replace(p.Claims[0].Answer, "length", "stop", 1) },
		"other tokens":          func(p *Proof) { p.Claims[1].Tokens = receipt.AppendTokens([][]int32{{1, 2, 3}}) },
		"a receipt of nothing":  func(p *Proof) { p.Claims[1].Receipt = "" },
		"white space":           func(p *Proof) { p.Claims[0].Answer = " " + p.Claims[0].Answer },
		"a request of a moon":   func(p *Proof) { p.Claims[0].Request = strings.Repeat("x", maxRequest+1) },
		"a signature of a dice": func(p *Proof) { p.Claims[0].Receipt = p.Claims[0].Receipt[:len(p.Claims[0].Receipt)-8] + "AAAAAAAA" },
	} {
		p := good
		change(&p)
		if _, err := p.Open("agora-test"); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := good.Open("agora-main"); !errors.Is(err, ErrProof) {
		t.Errorf("on another chain: %v", err)
	}
}

// witness knows the test's server and takes every nonce for one of the running tempo.
type witness struct {
	at  *clock
	old bool
}

func (w witness) ID() string                     { return "agora-test" }
func (w witness) Key(ServerID) ed25519.PublicKey { return serverKey.Public().(ed25519.PublicKey) }
func (w witness) TempoOf(context.Context, uint32, [16]byte) (uint64, bool) {
	return w.at.tempo, !w.old
}

func TestTwoPublicFailuresAreAProofThatClosesElsewhere(t *testing.T) {
	e, liar := small(t, 1), small(t, 2)
	at := &clock{tempo: 3}
	one, two := auditor(t, filepath.Join(t.TempDir(), "a.db"), e, at), auditor(t, filepath.Join(t.TempDir(), "b.db"), e, at)
	id := ServerID{1, 3, 5}
	private := signed(t, liar, 1, "")
	private.Public = false
	give(t, one, private)
	give(t, one, signed(t, liar, 2, ""))
	if list, err := one.Proofs(1); err != nil || len(list) != 0 {
		t.Fatalf("%v: %d proofs of one public failure", err, len(list))
	}
	give(t, one, signed(t, liar, 3, ""))
	list, err := one.Proofs(1)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v: %d proofs of two public failures", err, len(list))
	}
	if err := two.Hear(t.Context(), witness{at, true}, 1, voiceKey, list); err != nil || two.Standing(id, digest).Closed {
		t.Errorf("%v: a proof of old answers closes", err)
	}
	if err := two.Hear(t.Context(), witness{at, false}, 1, voiceKey, list); err != nil || !two.Standing(id, digest).Closed {
		t.Errorf("%v: a proof that holds closes nothing", err)
	}
	if again, err := two.Proofs(1); err != nil || len(again) != 1 {
		t.Errorf("%v: it is not told on", err)
	}
	until := two.Standing(id, digest).Until
	at.tempo = until
	if err := two.Hear(t.Context(), witness{at, false}, 1, voiceKey, list); err != nil || two.Standing(id, digest).Closed {
		t.Errorf("%v: one proof closes twice", err)
	}
}

func TestAVoiceThatProvesWhatIsNotSoIsNotHeard(t *testing.T) {
	e, liar := small(t, 1), small(t, 2)
	at := &clock{tempo: 3}
	a := auditor(t, filepath.Join(t.TempDir(), "a.db"), e, at)
	id := ServerID{1, 3, 5}
	true1, false1 := proof(t, e, 1), proof(t, liar, 5)
	hear := func(p ...Proof) {
		t.Helper()
		if err := a.Hear(t.Context(), witness{at, false}, 1, voiceKey, p); err != nil {
			t.Fatal(err)
		}
	}
	hear(true1, false1)
	if a.Standing(id, digest).Closed {
		t.Error("what follows a false proof is believed")
	}
	at.tempo += Silenced - 1
	hear(false1)
	if a.Standing(id, digest).Closed {
		t.Error("it is heard too soon")
	}
	at.tempo++
	hear(false1)
	if !a.Standing(id, digest).Closed {
		t.Error("it is never heard again")
	}
}

func FuzzProof(f *testing.F) {
	e := small(f, 1)
	text, err := json.Marshal(map[string]any{"proofs": []Proof{proof(f, e, 1)}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"proofs":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ParseProofs(text)
		if err != nil {
			return
		}
		for _, p := range list {
			if s, err := p.Open("agora-test"); err == nil && s.Server.NetUID != 1 {
				t.Errorf("a proof of %+v that its server did not sign", s.Server)
			}
		}
	})
}
