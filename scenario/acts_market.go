package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	sdk "github.com/cosmos/cosmos-sdk/types"

	emissiontypes "agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
)

// proofLife is how many blocks a hot key's proof is good for.
const proofLife = 100

func makeCreate(w *World, who string, words []string) (sdk.Msg, error) {
	msg := &subnettypes.MsgCreateSubnet{Sender: Account(who).String(), Name: words[0], Mechanism: subnettypes.Mechanism{Id: "exact"}}
	s, err := settings(words[1:])
	if err == nil && s["max"] != "" {
		msg.MaxLock, err = tao(s["max"])
	}
	w.current = words[0]
	return msg, err
}

func makeStart(w *World, who string, _ []string) (sdk.Msg, error) {
	n, err := w.netuid()
	return &subnettypes.MsgStartSubnet{Owner: Account(who).String(), Netuid: n}, err
}

func makeDissolve(w *World, who string, _ []string) (sdk.Msg, error) {
	n, err := w.netuid()
	return &subnettypes.MsgDissolveSubnet{Sender: Account(who).String(), Netuid: n}, err
}

func makeSet(w *World, who string, words []string) (sdk.Msg, error) {
	n, err := w.netuid()
	if err != nil {
		return nil, err
	}
	name, text, _ := strings.Cut(words[0], "=")
	value, err := strconv.ParseInt(text, 10, 64)
	return &subnettypes.MsgSetParameter{Sender: Account(who).String(), Netuid: n, Name: name, Value: value}, err
}

func makeRegister(w *World, who string, words []string) (sdk.Msg, error) {
	n, err := w.netuid()
	if err != nil {
		return nil, err
	}
	s, err := settings(words)
	if err != nil {
		return nil, err
	}
	get := func(name, otherwise string) string {
		if v, set := s[name]; set {
			return v
		}
		return otherwise
	}
	most, err := tao(get("max", "1000"))
	key := get("key", who)
	expiry := w.Height + proofLife
	return &subnettypes.MsgRegister{
		Owner: Account(who).String(), Netuid: n, HotKey: w.key(key), MaxPrice: most, ProofExpiry: expiry,
		Proof: subnettypes.SignProof(Hot(get("proof", key)), ChainID, n, Account(get("for", who)).String(), expiry),
	}, err
}

// place finds the netuid and uid of a neuron by its hot key's name.
func (w *World) place(key string) (netuid, uid uint32, err error) {
	if netuid, err = w.netuid(); err == nil {
		uid, err = w.uid(netuid, key)
	}
	return netuid, uid, err
}

func makeRotate(w *World, who string, words []string) (sdk.Msg, error) {
	n, uid, err := w.place(words[0])
	if err != nil {
		return nil, err
	}
	prover := words[1]
	if s, err := settings(words[2:]); err != nil {
		return nil, err
	} else if s["proof"] != "" {
		prover = s["proof"]
	}
	expiry := w.Height + proofLife
	return &subnettypes.MsgRotateHotKey{
		Owner: Account(who).String(), Netuid: n, Uid: uid, HotKey: w.key(words[1]), ProofExpiry: expiry,
		Proof: subnettypes.SignProof(Hot(prover), ChainID, n, Account(who).String(), expiry),
	}, nil
}

func makeHand(w *World, who string, words []string) (sdk.Msg, error) {
	n, uid, err := w.place(words[0])
	return &subnettypes.MsgProposeOwner{Owner: Account(who).String(), Netuid: n, Uid: uid, NewOwner: Account(words[1]).String()}, err
}

func makeKeep(w *World, who string, words []string) (sdk.Msg, error) {
	n, uid, err := w.place(words[0])
	return &subnettypes.MsgCancelOwner{Sender: Account(who).String(), Netuid: n, Uid: uid}, err
}

func makeAccept(w *World, who string, words []string) (sdk.Msg, error) {
	n, uid, err := w.place(words[0])
	return &subnettypes.MsgAcceptOwner{NewOwner: Account(who).String(), Netuid: n, Uid: uid}, err
}

func makeSpeak(w *World, who string, words []string) (sdk.Msg, error) {
	n, uid, err := w.place(words[0])
	return &subnettypes.MsgSetVoice{Operator: Account(who).String(), Netuid: n, Uid: uid}, err
}

// hotAccount is the account of the hot key of who, which may be said as hot:who.
func hotAccount(who string) string {
	return Account(hotPrefix + strings.TrimPrefix(who, hotPrefix)).String()
}

func makeList(_ *World, who string, words []string) (sdk.Msg, error) {
	msg := &subnettypes.MsgSetProfile{Operator: Account(who).String(), GatewayUrl: words[0], Addresses: []string{who + ".example:4000"}}
	if len(words) > 1 {
		percent, ok := strings.CutPrefix(words[1], "markup=")
		n, err := strconv.ParseUint(percent, 10, 16)
		if !ok || err != nil {
			return nil, fmt.Errorf("%q, want markup=PERCENT", words[1])
		}
		msg.MarkupBps = uint32(n) * 100
	}
	return msg, nil
}

func makePublish(w *World, who string, words []string) (sdk.Msg, error) {
	n, err := w.netuid()
	card := subnettypes.ModelCard{Name: words[0], Licence: "Apache-2.0", Input: "text", Output: "text"}
	return &subnettypes.MsgSetModel{HotAccount: hotAccount(who), Netuid: n, Card: card}, err
}

// makeCommit seals weights by hand; `reveals` opens them.
func makeCommit(w *World, who string, words []string) (sdk.Msg, error) {
	netuid, err := w.netuid()
	if err != nil {
		return nil, err
	}
	epoch, err := w.epoch()
	if err != nil {
		return nil, err
	}
	if last, ok := strings.CutPrefix(words[len(words)-1], "epoch="); ok {
		if epoch, err = strconv.ParseUint(last, 10, 64); err != nil {
			return nil, err
		}
		words = words[:len(words)-1]
	}
	shares, err := readShares(words)
	if err != nil {
		return nil, err
	}
	uids, weights := w.resolve(netuid, shares)
	return w.seal(&sealed{voice: who, netuid: netuid, epoch: epoch, uids: uids, weights: weights, byHand: true}), nil
}

// makeReveal opens the oldest weights that were sealed by hand, or claims that they were others.
func makeReveal(w *World, who string, words []string) (sdk.Msg, error) {
	netuid, err := w.netuid()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(w.sealed, func(s *sealed) bool { return s.voice == who && s.netuid == netuid })
	if i < 0 {
		return nil, errors.New("nothing is sealed")
	}
	msg := w.opening(w.sealed[i])
	if len(words) > 0 {
		shares, err := readShares(words)
		if err != nil {
			return nil, err
		}
		msg.Uids, msg.Weights = w.resolve(netuid, shares)
	}
	return msg, nil
}

// theirs finds weights that another voice sealed by hand in the subnet spoken of.
func (w *World) theirs(voice string) (*sealed, error) {
	netuid, err := w.netuid()
	if err != nil {
		return nil, err
	}
	for _, s := range w.sealed {
		if s.voice == voice && s.netuid == netuid {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s has sealed nothing", voice)
}

func makeCopy(w *World, who string, words []string) (sdk.Msg, error) {
	s, err := w.theirs(words[0])
	if err != nil {
		return nil, err
	}
	hash := yumatypes.CommitHash(ChainID, s.netuid, s.epoch, Public(w.speaker(s.netuid, s.voice)), s.uids, s.weights, s.salt)
	return &yumatypes.MsgCommitWeights{HotAccount: hotAccount(who), Netuid: s.netuid, Epoch: s.epoch, Hash: hash[:]}, nil
}

func makeMimic(w *World, who string, words []string) (sdk.Msg, error) {
	s, err := w.theirs(words[0])
	if err != nil {
		return nil, err
	}
	msg := w.opening(s)
	msg.HotAccount = hotAccount(who)
	return msg, nil
}

func makeRate(w *World, who string, words []string) (sdk.Msg, error) {
	netuid, err := w.netuid()
	if err != nil {
		return nil, err
	}
	shares, err := readShares(words)
	if err != nil {
		return nil, err
	}
	uids, weights := w.resolve(netuid, shares)
	return &yumatypes.MsgSetWeights{HotAccount: hotAccount(who), Netuid: netuid, Uids: uids, Weights: weights}, nil
}

func makeAllot(w *World, who string, words []string) (sdk.Msg, error) {
	shares, err := readShares(words)
	msg := &emissiontypes.MsgSetRootWeights{Operator: Account(who).String()}
	for _, s := range shares {
		subnet, err := w.App.Subnet.SubnetNamed(w.Ctx(), s.miner)
		if err != nil {
			return nil, err
		}
		msg.Netuids, msg.Weights = append(msg.Netuids, subnet.Netuid), append(msg.Weights, s.weight)
	}
	return msg, err
}

// changed is a module's parameters with some of them changed, as governance proposes them.
func (w *World) changed(module string, values map[string]string) (sdk.Msg, error) {
	authority := Account(Governance).String()
	switch module {
	case emissiontypes.ModuleName:
		p, err := w.App.Emission.Params(w.Ctx())
		if err == nil {
			err = edit(&p, values)
		}
		return &emissiontypes.MsgUpdateParams{Authority: authority, Params: p}, err
	case yumatypes.ModuleName:
		p, err := w.App.Yuma.Params(w.Ctx())
		if err == nil {
			err = edit(&p, values)
		}
		return &yumatypes.MsgUpdateParams{Authority: authority, Params: p}, err
	}
	p, err := w.App.Subnet.Params(w.Ctx())
	if err == nil {
		err = edit(&p, values)
	}
	return &subnettypes.MsgUpdateParams{Authority: authority, Params: p}, err
}
