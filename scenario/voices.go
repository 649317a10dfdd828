package scenario

import (
	"fmt"
	"slices"
	"strings"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
)

// opinion is what a voice thinks of a subnet's miners, told every tempo until it falls silent.
type opinion struct {
	voice  string
	netuid uint32
	shares []share
	told   bool   // at least once
	first  uint64 // epoch in which it was told first
	last   uint64 // and last
}

// share is a part of a voice's weights, 1 as 65535.
type share struct {
	miner  string
	weight uint32
}

// sealed is a commit that waits to be opened.
type sealed struct {
	voice   string
	netuid  uint32
	epoch   uint64
	uids    []uint32
	weights []uint32
	salt    []byte
	opened  bool
	byHand  bool // opened by a line of the story, not by itself
}

// Owed signs what the voices owe in the next block: commits and reveals by the calendar.
func (w *World) Owed() (txs [][]byte, err error) {
	for _, o := range w.opinions {
		if txs, err = w.tell(o, txs); err != nil {
			return nil, err
		}
	}
	for _, s := range w.sealed {
		if txs, err = w.openDue(s, txs); err != nil {
			return nil, err
		}
	}
	w.sealed = slices.DeleteFunc(w.sealed, func(s *sealed) bool { return s.opened })
	return txs, nil
}

// tell adds the commit of an opinion, or its open weights, once per tempo.
func (w *World) tell(o *opinion, txs [][]byte) ([][]byte, error) {
	calendar, err := w.App.Yuma.Schedule(w.Ctx(), o.netuid)
	if err != nil {
		return txs, nil //nolint:nilerr // the subnet is gone and nothing is owed to it
	}
	told := o.told && o.last == calendar.Epoch || w.committed(o.netuid, o.voice, calendar.Epoch)
	if calendar.PhaseAt(w.Height+1) != yumatypes.Committing || told {
		return txs, nil
	}
	msg := w.telling(o, calendar)
	if msg == nil || !w.weighs(o.netuid, o.voice) {
		return txs, nil
	}
	if !o.told {
		o.told, o.first = true, calendar.Epoch
	}
	o.last = calendar.Epoch
	raw, err := w.Sign(HotSigner(w.speaker(o.netuid, o.voice)), FreeGas(msg), 0, msg)
	return append(txs, raw), err
}

// telling is the commit of an opinion, or its open weights; nil if none of the miners is there any more.
func (w *World) telling(o *opinion, calendar yumatypes.Schedule) sdk.Msg {
	uids, weights := w.resolve(o.netuid, o.shares)
	if len(uids) == 0 {
		return nil
	}
	if !calendar.CommitReveal {
		account := Account(hotPrefix + w.speaker(o.netuid, o.voice)).String()
		return &yumatypes.MsgSetWeights{HotAccount: account, Netuid: o.netuid, Uids: uids, Weights: weights}
	}
	return w.seal(&sealed{voice: o.voice, netuid: o.netuid, epoch: calendar.Epoch, uids: uids, weights: weights})
}

// seal remembers s and returns its commit.
func (w *World) seal(s *sealed) *yumatypes.MsgCommitWeights {
	w.sealed = slices.DeleteFunc(w.sealed, func(old *sealed) bool {
		return old.voice == s.voice && old.netuid == s.netuid && old.epoch == s.epoch
	})
	key := w.speaker(s.netuid, s.voice)
	s.salt = secret("salt", fmt.Sprint(s.voice, s.netuid, s.epoch))[:16]
	hash := yumatypes.CommitHash(ChainID, s.netuid, s.epoch, Public(key), s.uids, s.weights, s.salt)
	w.sealed = append(w.sealed, s)
	return &yumatypes.MsgCommitWeights{HotAccount: Account(hotPrefix + key).String(), Netuid: s.netuid, Epoch: s.epoch, Hash: hash[:]}
}

// openDue adds the reveal of s when its time comes. A commit whose time went by is forgotten.
func (w *World) openDue(s *sealed, txs [][]byte) ([][]byte, error) {
	calendar, err := w.App.Yuma.Schedule(w.Ctx(), s.netuid)
	if err != nil {
		s.opened = true
		return txs, nil
	}
	due, ok := calendar.RevealOf()
	if s.byHand || !ok || due != s.epoch || calendar.PhaseAt(w.Height+1) != yumatypes.Revealing || !w.waits(s) {
		s.opened = ok && due > s.epoch
		return txs, nil
	}
	s.opened = true
	msg := w.opening(s)
	raw, err := w.Sign(HotSigner(w.speaker(s.netuid, s.voice)), FreeGas(msg), 0, msg)
	return append(txs, raw), err
}

func (w *World) opening(s *sealed) *yumatypes.MsgRevealWeights {
	return &yumatypes.MsgRevealWeights{
		HotAccount: Account(hotPrefix + w.speaker(s.netuid, s.voice)).String(), Netuid: s.netuid, Epoch: s.epoch,
		Uids: s.uids, Weights: s.weights, Salt: s.salt,
	}
}

// weighs tells whether the chain takes free weights of a validator's voice: it is one, and has stake enough.
func (w *World) weighs(netuid uint32, voice string) bool {
	neuron, err := w.App.Subnet.NeuronOfHotKey(w.Ctx(), netuid, Public(w.speaker(netuid, voice)))
	return err == nil && w.App.Subnet.CheckWeighs(w.Ctx(), netuid, neuron.Uid) == nil
}

// waits tells whether the chain has the commit of s and takes its reveal.
func (w *World) waits(s *sealed) bool {
	return w.weighs(s.netuid, s.voice) && w.committed(s.netuid, s.voice, s.epoch)
}

// committed tells whether the chain has a commit of a validator for an epoch: it takes one, whichever neuron sends it.
func (w *World) committed(netuid uint32, voice string, epoch uint64) bool {
	neuron, err := w.App.Subnet.NeuronOfHotKey(w.Ctx(), netuid, Public(w.speaker(netuid, voice)))
	if err != nil {
		return false
	}
	operator, _ := w.App.Subnet.VoiceOf(w.Ctx(), netuid, neuron.Uid)
	_, found, err := w.App.Yuma.CommitOf(w.Ctx(), netuid, epoch, operator)
	return err == nil && found
}

// speaker is the name of the hot key with which a validator speaks in a subnet now, else the validator's own name. Of
// hot:NAME it is NAME.
func (w *World) speaker(netuid uint32, voice string) string {
	if key, exact := strings.CutPrefix(voice, hotPrefix); exact {
		return key
	}
	operator := Account(voice).String()
	speaks := voice
	_ = w.App.Subnet.EachVoice(w.Ctx(), netuid, func(v subnettypes.Voice) (bool, error) {
		if v.Operator != operator {
			return false, nil
		}
		n, err := w.App.Subnet.Neuron(w.Ctx(), netuid, v.Uid)
		if name, known := w.names[string(n.HotKey)]; known {
			speaks = name
		}
		return true, err
	})
	return speaks
}

// resolve turns miners' names into uids. Who is not there any more is left out.
func (w *World) resolve(netuid uint32, shares []share) (uids, weights []uint32) {
	for _, s := range shares {
		if uid, err := w.uid(netuid, s.miner); err == nil {
			uids, weights = append(uids, uid), append(weights, s.weight)
		}
	}
	return uids, weights
}

// uid finds the uid of a neuron by the name of its hot key.
func (w *World) uid(netuid uint32, name string) (uint32, error) {
	n, err := w.App.Subnet.NeuronOfHotKey(w.Ctx(), netuid, Public(name))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return n.Uid, nil
}
