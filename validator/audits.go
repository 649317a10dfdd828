package validator

import (
	"context"
	"crypto/ed25519"
	"sync"

	"agora/gateway"
	"agora/validator/audit"
	"agora/validator/exam"
)

// auditors is what a validator needs to hold servers of open models to what they say that they run.
type auditors struct {
	*audit.Auditor
	store *audit.Store
	asks  *gateway.Proofs // for its own challenges
}

func (v *Validator) openAudits() error {
	s, err := audit.Open(v.cfg.Store + ".audit")
	if err != nil {
		return err
	}
	v.audits = &auditors{
		Auditor: audit.New(audit.Shelf{Room: v.cfg.Room, Find: v.find}, auditMarket{v}, s, v.cfg.Log), store: s,
		asks: &gateway.Proofs{ChainID: v.cfg.Client.ChainID(), Voice: v.cfg.HotKey.Public().(ed25519.PublicKey), Tempo: v.Tempo},
	}
	return nil
}

// run audits until ctx ends, as many answers at once as models may be run.
func (a *auditors) run(ctx context.Context, cores int) {
	var work sync.WaitGroup
	defer work.Wait()
	for range cores {
		work.Go(func() { a.Run(ctx) })
	}
}

// Offer takes an answer to a consumer of this validator's gateway, whose receipt has been checked. It does not wait.
func (v *Validator) Offer(c gateway.Checked) {
	s := v.seat(c.NetUID)
	if v.audits == nil || s == nil || s.course == nil {
		return
	}
	s.bursts.also(&c)
	v.audits.Offer(c)
}

// falsely is told of each false answer.
func (v *Validator) falsely(c gateway.Checked) {
	if s := v.seat(c.NetUID); s != nil && s.caller != nil {
		s.caller.falsely(c)
	}
}

// Tempo is the half of a nonce that belongs to the running tempo of a subnet: 8 bytes of its seed, zeros where it has none.
func (v *Validator) Tempo(netuid uint32) (half [8]byte) {
	if c := v.Course(netuid); c != nil {
		if t, ok := c.Running(); ok {
			copy(half[:], t.Seed[:])
		}
	}
	return half
}

// Audited says whether a miner's answers at a path of the API may be run again here: of another engine they cannot.
func (v *Validator) Audited(netuid uint32, m gateway.Miner, path string) bool {
	_, ok := exam.ParseDigest(m.Digest)
	c := v.Course(netuid)
	return ok && path == taskPath && c != nil && v.audits != nil && (m.Engine == "" || m.Engine == exactEngine)
}

// Verified says what an audit found of the answer whose receipt has that nonce, in the words of x-agora-verified.
func (v *Validator) Verified(nonce [16]byte) string {
	if v.audits == nil {
		return gateway.VerifiedNo
	}
	switch o, _ := v.audits.Outcome(nonce); o {
	case audit.Right:
		return gateway.VerifiedYes
	case audit.False, audit.Void, audit.Near:
		return gateway.VerifiedNo
	}
	return gateway.VerifiedPending
}

// Audits counts what became of answers since the start.
func (v *Validator) Audits() audit.Counts {
	if v.audits == nil {
		return audit.Counts{}
	}
	return v.audits.Counts()
}

// Gate is what was found out about a server of an open model; false where there is no such server, or nothing is to be audited.
func (v *Validator) Gate(netuid uint32, s exam.Server) (audit.Standing, bool) {
	c := v.Course(netuid)
	if c == nil || v.audits == nil {
		return audit.Standing{}, false
	}
	return v.audits.Standing(audit.ServerID{NetUID: netuid, UID: s.UID, Registered: s.Registered}, s.Digest), true
}

// closed lists the servers of the running tempo whose gates are shut.
func (v *Validator) closed(s *seat) (uids []uint32) {
	t, _ := s.course.Running()
	for _, server := range t.Servers {
		if gate, audited := v.Gate(s.netuid, server); audited && gate.Closed {
			uids = append(uids, server.UID)
		}
	}
	return uids
}

// find is a published model of a subnet.
func (v *Validator) find(netuid uint32, digest [32]byte) (exam.Listed, bool) {
	if c := v.Course(netuid); c != nil {
		return c.Find(digest)
	}
	return exam.Listed{}, false
}

// auditMarket is what an auditor must know of the chain, from what the validator has read of it.
type auditMarket struct{ *Validator }

// Tempo implements audit.Market.
func (m auditMarket) Tempo(netuid uint32) uint64 {
	if c := m.Course(netuid); c != nil {
		return c.Epoch()
	}
	return 0
}

// Part implements audit.Market.
func (m auditMarket) Part(netuid uint32) float64 {
	if market := m.directory.market(netuid); market != nil {
		return market.part
	}
	return 1
}

// Owner implements audit.Market.
func (m auditMarket) Owner(s audit.ServerID) (string, bool) {
	if market := m.directory.market(s.NetUID); market != nil {
		for _, n := range market.miners {
			if n.UID == s.UID {
				return n.Owner, n.Registered == s.Registered
			}
		}
	}
	return "", false
}
