package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"agora/gateway"
	"agora/wire"
)

// How long and how much is told and believed of what voices prove.
const (
	ProofTempos = 14 // tempos for which a claim counts and a proof is told
	MaxProofs   = 8  // of one voice and tempo that are heard, and that are told
	Silenced    = 10 // tempos in which a voice is not heard that had a true answer for a false one
)

// kept is a claim that waits for a second one.
type kept struct {
	Claim  Claim  `json:"claim"`
	Tempo  uint64 `json:"tempo"`
	HotKey string `json:"hot_key,omitempty"` // peer id of who signed it; empty in stores of before
}

// maxKept is how many claims of a server wait for a second one that the same key signed.
const maxKept = 4

// record is a proof that this voice has checked.
type record struct {
	Proof  Proof  `json:"proof"`
	NetUID uint32 `json:"netuid"`
	Tempo  uint64 `json:"tempo"` // in which it was checked
	Holds  bool   `json:"holds"`
}

var (
	claimBucket  = []byte("claims")   // server with its model → []kept
	proofBucket  = []byte("proofs")   // id → record
	silentBucket = []byte("silenced") // hot key of a voice → first tempo in which it is heard again
)

// claim keeps a false answer that others may see; the second that a server signed with the same hot key becomes a proof.
func (s *Store) claim(server ServerID, gate GateID, tempo uint64, c Claim, hotKey string) (proof *Proof, err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		var list []kept
		if err := get(tx, claimBucket, gate.of(server), &list); err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(k kept) bool { return k.Tempo+ProofTempos <= tempo })
		first := slices.IndexFunc(list, func(k kept) bool { return k.HotKey == hotKey })
		if first < 0 {
			list = append(list, kept{c, tempo, hotKey})
			return put(tx, claimBucket, gate.of(server), list[max(0, len(list)-maxKept):])
		}
		proof = &Proof{HotKey: hotKey, Claims: [2]Claim{list[first].Claim, c}}
		return errors.Join(
			tx.Bucket(claimBucket).Delete(gate.of(server)),
			put(tx, proofBucket, []byte(proof.ID()), record{*proof, server.NetUID, tempo, true}))
	})
	return proof, err
}

// file keeps what became of a proof of another voice, and drops those that nobody need be told any more.
func (s *Store) file(r record) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		var old [][]byte
		err := tx.Bucket(proofBucket).ForEach(func(k, v []byte) error {
			var o record
			err := json.Unmarshal(v, &o)
			if o.NetUID == r.NetUID && o.Tempo+2*ProofTempos <= r.Tempo {
				old = append(old, slices.Clone(k))
			}
			return err
		})
		for _, k := range old {
			err = errors.Join(err, tx.Bucket(proofBucket).Delete(k))
		}
		return errors.Join(err, put(tx, proofBucket, []byte(r.Proof.ID()), r))
	})
}

// checked says whether a proof was checked here before.
func (s *Store) checked(id string) (yes bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		yes = tx.Bucket(proofBucket).Get([]byte(id)) != nil
		return nil
	})
	return yes, err
}

// silent is the first tempo in which a voice is heard.
func (s *Store) silent(voice ed25519.PublicKey) (until uint64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error { return get(tx, silentBucket, voice, &until) })
	return until, err
}

func (s *Store) silence(voice ed25519.PublicKey, until uint64) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return put(tx, silentBucket, voice, until) })
}

// Proofs lists the proofs of a subnet that this voice has found to hold lately, the newest first, at most MaxProofs.
func (a *Auditor) Proofs(netuid uint32) ([]Proof, error) {
	tempo := a.market.Tempo(netuid)
	var list []record
	err := a.store.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(proofBucket).ForEach(func(_, v []byte) error {
			var r record
			err := json.Unmarshal(v, &r)
			if r.Holds && r.NetUID == netuid && tempo < r.Tempo+ProofTempos {
				list = append(list, r)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("audit: proofs: %w", err)
	}
	slices.SortStableFunc(list, func(a, b record) int { return int(b.Tempo) - int(a.Tempo) })
	proofs := []Proof{}
	for _, r := range list[:min(len(list), MaxProofs)] {
		proofs = append(proofs, r.Proof)
	}
	return proofs, nil
}

// publish keeps a false answer that others may see.
func (a *Auditor) publish(r *remembered, tempo uint64, c *gateway.Checked) error {
	claim, ok := claimOf(c)
	if !ok || !c.Public {
		return nil
	}
	p, err := a.store.claim(r.id, r.gateID, tempo, claim, wire.PeerID(c.Miner.HotKey))
	if p != nil {
		a.log.Warn("two answers of a server are false: the proof is public", "netuid", r.id.NetUID, "uid", r.id.UID, "proof", p.ID())
	}
	return err
}

// Chain is what must be known to believe a proof.
type Chain interface {
	ID() string
	// Key is the hot key of a server now; nil where somebody else holds its seat.
	Key(s ServerID) ed25519.PublicKey
	// TempoOf is the tempo that a nonce belongs to; false where that is none of the last ProofTempos.
	TempoOf(ctx context.Context, netuid uint32, nonce [16]byte) (uint64, bool)
}

// Hear checks what another voice proves: signatures first, then by running the model. A proof that holds closes its server's
// gate here too. A voice that proves what is not so is not heard for Silenced tempos. Call it once for each voice and tempo.
func (a *Auditor) Hear(ctx context.Context, chain Chain, netuid uint32, voice ed25519.PublicKey, list []Proof) error {
	tempo := a.market.Tempo(netuid)
	until, err := a.store.silent(voice)
	if err != nil || tempo < until {
		return err
	}
	for _, p := range list[:min(len(list), MaxProofs)] {
		err := a.hear(ctx, chain, netuid, &p)
		if errors.Is(err, ErrClean) {
			a.log.Warn("a voice has proved what is not so: it is not heard for a while", "netuid", netuid, "voice", wire.PeerID(voice), "err", err)
			return errors.Join(a.store.silence(voice, tempo+Silenced), a.store.file(record{p, netuid, tempo, false}))
		}
		if err != nil {
			a.log.Debug("a proof is not believed", "netuid", netuid, "voice", wire.PeerID(voice), "err", err)
		}
	}
	return nil
}

// hear checks one proof. What was checked before, or closes nothing, is passed over.
func (a *Auditor) hear(ctx context.Context, chain Chain, netuid uint32, p *Proof) error {
	if done, err := a.store.checked(p.ID()); err != nil || done {
		return err
	}
	s, err := p.Open(chain.ID())
	if err != nil {
		return err
	}
	key := chain.Key(s.Server)
	if s.Server.NetUID != netuid || key == nil || wire.PeerID(key) != p.HotKey && !a.signedWith(s, p.HotKey) {
		return fmt.Errorf("%w: its server is not here, or never signed with that key as far as is known here", ErrProof)
	}
	if err := a.timely(ctx, chain, s); err != nil {
		return err
	}
	m, done, err := a.library.Replayer(ctx, &s.Answers[0].Receipt)
	if err != nil {
		return err
	}
	err = s.Check(ctx, m)
	done()
	if err != nil {
		return err
	}
	return a.convict(s, p)
}

// signedWith says whether answers of a server that were audited here were signed with a hot key: it may have another one since.
func (a *Auditor) signedWith(s *Shown, peer string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.of(s.Server, s.Digest)
	return err == nil && slices.Contains(r.Keys, peer)
}

// timely says why a proof does not count now: its answers are too old, or its server's gate was closed after them.
func (a *Auditor) timely(ctx context.Context, chain Chain, s *Shown) error {
	a.mu.Lock()
	r, err := a.of(s.Server, s.Digest)
	var gate Gate
	if err == nil {
		gate = r.gate
	}
	a.mu.Unlock()
	if err != nil {
		return err
	}
	if !gate.Open(a.market.Tempo(s.Server.NetUID)) {
		return fmt.Errorf("%w: its server is closed already", ErrProof)
	}
	for _, answer := range s.Answers {
		tempo, ok := chain.TempoOf(ctx, s.Server.NetUID, answer.Receipt.Nonce)
		if !ok || gate.Closings > 0 && tempo <= gate.At {
			return fmt.Errorf("%w: it is of a tempo that does not count any more", ErrProof)
		}
	}
	return nil
}

// convict closes the gate of a server by what another voice has proved.
func (a *Auditor) convict(s *Shown, p *Proof) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.of(s.Server, s.Digest)
	if err != nil {
		return err
	}
	tempo := a.market.Tempo(s.Server.NetUID)
	r.Shown = 0
	r.gate.Close(tempo, "two answers that others have shown are not its model's, proof "+p.ID())
	a.log.Warn("a server is closed by what another voice has proved", "netuid", s.Server.NetUID, "uid", s.Server.UID, "proof", p.ID())
	return errors.Join(a.store.save(r.id, r.Server, r.gateID, r.gate), a.store.file(record{*p, s.Server.NetUID, tempo, true}))
}
