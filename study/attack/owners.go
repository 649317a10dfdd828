package attack

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"math/rand/v2"
	"slices"

	"agora/engine/native/gguf"
	"agora/engine/native/llm"
	"agora/engine/native/tensor"
	"agora/validator/audit"
	"agora/wire"
	"agora/wire/receipt"
)

// closed is a voice that has found out the server.
func closed(h *house) *lab {
	l := newLab(h.model)
	for n := range 2 {
		c, _ := rubbish(h, n)
		l.give(sign(c))
	}
	return l
}

func newKey(seed uint64) (paid, victim float64) {
	h := open(seed)
	defer h.close()
	l := closed(h)
	defer l.close()
	for n := range audit.Closed {
		c, _ := serve(h.model, h.question(100+n, 0), 100+n) // it is honest now
		c.Miner.UID, c.Miner.Registered = 9, 50
		l.give(sign(c))
		if l.Standing(audit.ServerID{NetUID: 1, UID: 9, Registered: 50}, named).Open {
			paid++
		}
		l.tempo++
	}
	return paid, 1
}

func freeRider(seed uint64) (paid, victim float64) {
	h := open(seed)
	defer h.close()
	l := newLab(h.model)
	defer l.close()
	for range 20 {
		if l.Standing(seat, named).Open {
			paid++
		}
		l.tempo++
	}
	return paid, 1
}

// spam shows proofs of true answers, new ones in every tempo.
func spam(seed uint64) (run, victim float64) {
	h := open(seed)
	defer h.close()
	l := newLab(h.model)
	defer l.close()
	voice := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	body := h.question(0, 0)
	for tempo := range 20 {
		var list []audit.Proof
		for i := range audit.MaxProofs {
			p := audit.Proof{HotKey: wire.PeerID(serverKey.Public().(ed25519.PublicKey))}
			for k := range p.Claims {
				c, _ := serve(h.model, body, 1+k+2*(i+audit.MaxProofs*tempo))
				sign(c)
				p.Claims[k] = audit.Claim{Receipt: c.Signed, Request: string(c.Body), Answer: string(receipt.AnswerText(c.Answer.Choices)), Tokens: receipt.AppendTokens(c.Answer.Tokens)}
			}
			list = append(list, p)
		}
		_ = l.Hear(context.Background(), l, 1, voice, list) // what is not believed is no error of the listener
		l.tempo++
	}
	return float64(l.runs), 1
}

// hostile changes a byte of a file.
func hostile(seed uint64) (taken, victim float64) {
	file := randomFile(tensor.Q41)
	original := random(tensor.Q41)
	defer original.Close()
	r := rand.New(rand.NewPCG(seed, 0xf11e))
	for n := range 400 {
		reach := len(file)
		if n%2 == 0 {
			reach = min(reach, 4096) // where names and shapes stand
		}
		changed := slices.Clone(file)
		changed[r.IntN(reach)] ^= byte(1 + r.IntN(255))
		if passes(changed, original) {
			taken++
		}
	}
	return taken, 1
}

// passes says whether a file breaks the engine, or has the digest of a model and answers otherwise.
func passes(file []byte, original *llm.Engine) (taken bool) {
	defer func() { taken = taken || recover() != nil }()
	f, err := gguf.Parse(file)
	if err != nil {
		return false
	}
	e, err := llm.New(f, llm.Options{})
	if err != nil {
		return false
	}
	defer e.Close()
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":4}`)
	c, ok := serve(e, body, 1)
	if !ok || e.Info().Digest != original.Info().Digest {
		return false
	}
	is, _ := serve(original, body, 1)
	return !slices.Equal(c.Answer.Tokens[0], is.Answer.Tokens[0])
}
