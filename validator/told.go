package validator

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"agora/validator/audit"
	"agora/validator/burst"
	"agora/validator/evidence"
	"agora/validator/exam"
	"agora/wire"
)

// EvidencePath is where a validator tells what its weights follow from: EvidencePath + netuid + "/" + epoch.
const EvidencePath = "/v1/evidence/"

// SignatureHeader carries a voice's signature of what it tells.
const SignatureHeader = "X-Agora-Signature"

// keepBallot keeps what is told of a ballot of open models, before it is cast.
func (v *Validator) keepBallot(s *seat, b ballot) error {
	if s.course == nil || b.because == nil {
		return nil
	}
	return errors.Join(s.course.Keep(b.because), v.keepEvidence(s.netuid, b))
}

// keepEvidence keeps what a ballot follows from, before it is cast.
func (v *Validator) keepEvidence(netuid uint32, b ballot) error {
	if v.audits == nil {
		return nil
	}
	text, err := json.Marshal(v.evidenceOf(netuid, b))
	if err != nil {
		return err
	}
	return v.audits.store.KeepEvidence(netuid, b.because.Epoch, 2*evidence.Kept, text)
}

func (v *Validator) evidenceOf(netuid uint32, b ballot) *evidence.Evidence {
	keys := map[uint32]Miner{}
	for _, m := range v.Miners(netuid) {
		keys[m.UID] = m
	}
	e := &evidence.Evidence{
		ChainID: v.cfg.Client.ChainID(), NetUID: netuid, Epoch: b.because.Epoch, Voice: wire.PeerID(v.cfg.HotKey.Public().(ed25519.PublicKey)),
		Servers: []evidence.Server{}, Models: evidence.ModelsOf(b.because.Standings), UIDs: b.uids, Weights: b.weights, Moments: []int64{}, Tellers: []evidence.Teller{},
	}
	if b.measured != nil {
		e.Moments, e.Stake = append(e.Moments, b.measured.Moments...), b.measured.Stake()
		for _, t := range b.measured.Tellers {
			e.Tellers = append(e.Tellers, evidence.Teller{Voice: wire.PeerID(t.Voice[:]), Stake: t.Stake})
		}
	}
	for i, s := range b.because.Servers {
		line := evidence.Server{UID: s.UID, Registered: s.Registered, Digest: exam.SpellDigest(s.Digest), PriceIn: s.PriceIn, PriceOut: s.PriceOut, Paid: b.because.Paid[i], Service: b.because.Service[i], Capacity: b.because.Capacity[i]}
		if len(e.Moments) > 0 {
			line.Measured = b.measured.Of(burst.ID{UID: s.UID, Registered: s.Registered})
		}
		m, there := keys[s.UID]
		there = there && m.Registered == s.Registered
		if there {
			line.HotKey = wire.PeerID(m.HotKey)
		}
		line.Why, line.Example = v.because(netuid, s, there && m.Connected)
		e.Servers = append(e.Servers, line)
	}
	return e
}

// because says why a server is paid or not.
func (v *Validator) because(netuid uint32, s exam.Server, connected bool) (why string, example *audit.Claim) {
	gate, audited := v.Gate(netuid, s)
	switch {
	case !connected:
		return "it is not connected", nil
	case !audited:
		return "it is connected; its answers cannot be run again", nil
	}
	return gate.Why, gate.Example
}

// ServeEvidence answers GET EvidencePath + netuid + "/" + epoch: once the epoch's weights are revealed, for evidence.Kept epochs.
func (v *Validator) ServeEvidence(w http.ResponseWriter, r *http.Request) {
	first, second, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, EvidencePath), "/")
	netuid, err := strconv.ParseUint(first, 10, 32)
	epoch, bad := strconv.ParseUint(second, 10, 64)
	course := v.Course(uint32(netuid))
	if err != nil || bad != nil || course == nil || v.audits == nil {
		http.Error(w, `{"error":"the path is /v1/evidence/NETUID/EPOCH, of a subnet of open models that is served here"}`, http.StatusNotFound)
		return
	}
	text, signature, err := v.evidence(uint32(netuid), epoch, course.Epoch())
	if err != nil {
		v.cfg.Log.Warn("evidence cannot be told", "netuid", netuid, "epoch", epoch, "err", err)
		http.Error(w, `{"error":"the evidence cannot be read now"}`, http.StatusServiceUnavailable)
		return
	}
	if text == nil {
		http.Error(w, `{"error":"there is no evidence of this epoch: its weights are not revealed yet, were not made here, or are too long ago"}`, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(SignatureHeader, signature)
	_, _ = w.Write(text) // whoever left needs no answer
}

// evidence is what may be told of an epoch; nil for nothing. Before they are revealed nothing is told of weights.
func (v *Validator) evidence(netuid uint32, epoch, now uint64) (text []byte, signature string, err error) {
	if epoch+2*evidence.Kept < now {
		return nil, "", nil
	}
	if _, hidden, err := v.store.commitment(netuid, epoch); err != nil || hidden {
		return nil, "", err
	}
	kept, err := v.audits.store.Evidence(netuid, epoch)
	if err != nil || kept == nil {
		return nil, "", err
	}
	var e evidence.Evidence
	if err := json.Unmarshal(kept, &e); err != nil {
		return nil, "", err
	}
	return evidence.Sign(&e, v.cfg.HotKey)
}
