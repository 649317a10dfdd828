package app_test

import (
	"fmt"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"cosmossdk.io/math"

	cryptocodec "github.com/cosmos/cosmos-sdk/crypto/codec"
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	"github.com/cosmos/cosmos-sdk/x/authz"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/app"
	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
	feetypes "agora/chain/x/fee/types"
	markettypes "agora/chain/x/market/types"
	pausetypes "agora/chain/x/pause/types"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/scenario"
)

const (
	founders = 6 // bonded when the chain starts
	purse    = 100_000 * network.TAO
	history  = 10 // epochs kept

	founded     = 2 // subnets when the chain starts
	foundedLock = 1_000
)

// authority is the account that only passed proposals can sign for.
var authority = authtypes.NewModuleAddress(govtypes.ModuleName).String()

// start writes a genesis whose times are short enough to run out in a play, and returns who validates first.
func (p *random) start() []abci.ValidatorUpdate {
	p.Helper()
	g := p.w.App.NewGenesis(app.Pace{
		SlashingWindow: 20, MinSigned: math.LegacyNewDecWithPrec(50, 2),
		VotingPeriod: 30 * time.Second, DepositPeriod: 10 * time.Minute, JailTime: 10 * time.Second,
	})
	for i, account := range p.people {
		stake := uint64(0)
		if i < founders {
			stake = uint64(i+4) * 100 * network.TAO
			key, err := cryptocodec.ToCmtPubKeyInterface(account.ConsKey.PubKey())
			must(p, err)
			must(p, g.Bond(scenario.ChainID, account.PrivKey, key, fmt.Sprint("founder", i), stake))
		}
		g.Fund(account.Address, purse+stake)
	}
	app.SetModule(g, subnettypes.ModuleName, p.found)
	g.Endow(authtypes.NewModuleAddress(subnettypes.ModuleName), founded*foundedLock)
	app.SetModule(g, yumatypes.ModuleName, func(s *yumatypes.GenesisState) { s.Params.History = history })
	app.SetModule(g, pausetypes.ModuleName, func(s *pausetypes.GenesisState) {
		s.Params.MotionSeconds, s.Params.RestSeconds = 60, 20
	})
	app.SetModule(g, markettypes.ModuleName, func(s *markettypes.GenesisState) { s.Params.MinWithdrawDelay = 20 })
	doc, err := g.Document(scenario.ChainID, p.w.Now)
	must(p, err)
	doc.Consensus.Params.Block.MaxGas = 200_000_000
	params := doc.Consensus.Params.ToProto()
	p.w.Genesis = &abci.RequestInitChain{
		Time: p.w.Now, ChainId: scenario.ChainID, ConsensusParams: &params, InitialHeight: 1, AppStateBytes: doc.AppState,
	}
	res, err := p.w.App.InitChain(p.w.Genesis)
	must(p, err)
	return res.Validators
}

// found opens the subnets that are there from the beginning: weights are revealed after a tempo in them, where a new
// subnet's default is longer than a short play.
func (p *random) found(s *subnettypes.GenesisState) {
	s.Params = subnetParams(12, 16)
	for netuid := uint32(1); netuid <= founded; netuid++ {
		s.Subnets = append(s.Subnets, subnettypes.Subnet{
			Netuid: netuid, Owner: p.people[netuid].AddressBech32, Name: fmt.Sprint("founded", netuid),
			Mechanism: subnettypes.Mechanism{Id: "exact"}, CreatedHeight: 1, CreatedTime: p.w.Now,
			Started: true, StartedHeight: 1, Lock: foundedLock,
		})
		s.Values = append(s.Values, subnettypes.SubnetValue{Netuid: netuid, Value: subnettypes.Value{Name: subnettypes.RevealDelay, Value: 1}})
	}
	// The first is a market of open models.
	for _, v := range []subnettypes.Value{{Name: subnettypes.Openness, Value: 1}, {Name: subnettypes.AuthorShare, Value: 2_000}} {
		s.Values = append(s.Values, subnettypes.SubnetValue{Netuid: 1, Value: v})
	}
	s.NextNetuid = founded + 1
}

func subnetParams(maxTempo uint64, maxUids uint32) subnettypes.Params {
	s := subnettypes.DefaultParams()
	s.MinTempo, s.MaxTempo, s.MinUids, s.MaxUids = 10, maxTempo, 16, maxUids
	s.MinLock, s.MaxSubnets, s.MaxCreationsPerDay = 1_000, 4, 1_000
	s.OwnerChangeSeconds, s.NoticeSeconds, s.SubnetImmunitySeconds = 30, 40, 600
	return s
}

// improvise plays what no factory of a module makes.
func (p *random) improvise() {
	p.Helper()
	switch n := p.r.Intn(20); {
	case n < 3:
		p.propose()
	case n < 12:
		p.vote()
	case n < 18:
		p.act()
	case n < 19:
		p.bond()
	default:
		p.replay()
	}
}

// replay sends a transaction of this block again.
func (p *random) replay() {
	if len(p.txs) == 0 {
		return
	}
	i := p.r.Intn(len(p.txs))
	tx, err := p.w.App.TxConfig.TxDecoder()(p.txs[i])
	must(p, err)
	if err := p.try(tx, p.txs[i]); err == nil {
		p.Fatalf("block %d: %s twice", p.w.Height+1, p.plays[i])
	}
	p.txs, p.plays, p.expects = append(p.txs, p.txs[i]), append(p.plays, "replay"), append(p.expects, false)
}

// anybody is a player with money.
func (p *random) anybody() (simsx.SimAccount, bool) {
	reporter := simsx.NewBasicSimulationReporter()
	account := p.players().AnyAccount(reporter, simsx.WithSpendableBalance())
	return account, !reporter.IsSkipped()
}

// known is the player of an address.
func (p *random) known(account string) (simsx.SimAccount, bool) {
	reporter := simsx.NewBasicSimulationReporter()
	who := p.players().GetAccount(reporter, account)
	return who, !reporter.IsSkipped()
}

// bond makes somebody a validator at a take that the chain allows.
func (p *random) bond() {
	who, ok := p.anybody()
	if _, err := p.w.App.Staking.GetValidator(p.next, sdk.ValAddress(who.Address)); !ok || err == nil {
		return
	}
	take := math.LegacyNewDecWithPrec(int64(p.r.Intn(19)), 2)
	rates := stakingtypes.NewCommissionRates(take, take, math.LegacyNewDecWithPrec(int64(p.r.Intn(2)), 2).Mul(take))
	msg, err := stakingtypes.NewMsgCreateValidator(sdk.ValAddress(who.Address).String(), who.ConsKey.PubKey(),
		network.Coins(uint64(1+p.r.Intn(900)) * network.TAO)[0], stakingtypes.NewDescription("late", "", "", "", ""), rates, math.NewInt(network.TAO))
	must(p, err)
	p.send(who, false, msg)
}

// act sends a message for somebody who permitted it, maybe just before.
func (p *random) act() {
	p.Helper()
	signer, msg, ok := p.draw(p.ours[p.r.Intn(len(p.ours))])
	if !ok {
		return
	}
	grantee, permitted := p.permitted(signer, sdk.MsgTypeURL(msg))
	if !permitted {
		p.send(signer, true, msg)
		return
	}
	exec := authz.NewMsgExec(grantee.Address, []sdk.Msg{msg})
	p.send(grantee, true, &exec)
}

// permitted finds who may send a message for granter, or lets somebody.
func (p *random) permitted(granter simsx.SimAccount, name string) (grantee simsx.SimAccount, ok bool) {
	for _, g := range p.grants {
		if g.name != name || !g.granter.Equals(granter.Address) {
			continue
		}
		if auth, _ := p.w.App.Authz.GetAuthorization(p.next, g.grantee, g.granter, name); auth != nil {
			return p.known(g.grantee.String())
		}
	}
	return p.permit(granter, name)
}

// grant lets somebody send a message for somebody else.
type grant struct {
	granter, grantee sdk.AccAddress
	name             string
}

// permit lets anybody send a message for granter.
func (p *random) permit(granter simsx.SimAccount, name string) (grantee simsx.SimAccount, ok bool) {
	grantee, ok = p.anybody()
	if !ok || grantee.Address.Equals(granter.Address) {
		return grantee, false
	}
	msg, err := authz.NewMsgGrant(granter.Address, grantee.Address, authz.NewGenericAuthorization(name), nil)
	must(p, err)
	if !p.send(granter, false, msg) {
		return grantee, false
	}
	p.grants = append(p.grants, grant{granter.Address, grantee.Address, name})
	return p.known(grantee.AddressBech32)
}

// propose asks governance for something, with the whole deposit.
func (p *random) propose() {
	who, ok := p.anybody()
	if !ok || len(p.watched) > 5 {
		return
	}
	inner := p.measure()
	if inner == nil {
		return
	}
	next, err := p.w.App.Gov.ProposalID.Peek(p.next)
	must(p, err)
	msg, err := govv1.NewMsgSubmitProposal([]sdk.Msg{inner}, network.Coins(100*network.TAO), who.AddressBech32, "", "a measure", "a measure", false)
	must(p, err)
	if p.send(who, false, msg) {
		p.watched[next] = []string{sdk.MsgTypeURL(inner)}
	}
}

// measure is something that only governance may do.
func (p *random) measure() sdk.Msg {
	a, pick := p.w.App, p.r.Intn
	switch pick(14) {
	case 13:
		return &markettypes.MsgUpdateParams{Authority: authority, Params: markettypes.Params{
			BurnBps: uint64(pick(2_000)), MinDeposit: uint64(1 + pick(10_000_000)), MinWithdrawDelay: uint64(10 + pick(11)), MaxChannels: uint64(1 + pick(20)),
		}}
	case 12:
		return &feetypes.MsgUpdateParams{Authority: authority, Params: feetypes.Params{MinGasPrice: uint64(1_000 + pick(20_000))}}
	case 0:
		return &subnettypes.MsgUpdateParams{Authority: authority, Params: subnetParams(uint64(10+pick(5)), uint32(4+pick(12)))}
	case 1:
		params, err := a.Yuma.Params(p.next)
		must(p, err)
		params.MaxEpochsPerBlock, params.QuorumLookback, params.MaxCarry = uint32(1+pick(2)), uint32(1+pick(10)), uint32(pick(4))
		return &yumatypes.MsgUpdateParams{Authority: authority, Params: params}
	case 2:
		params, err := a.Emission.Params(p.next)
		must(p, err)
		params.DemandShare, params.GateEpochs, params.GraceTempos = uint32(pick(65_536)), uint32(1+pick(20)), uint32(pick(100))
		params.RootValiditySeconds = uint64(60 + pick(3_600))
		return &emissiontypes.MsgUpdateParams{Authority: authority, Params: params}
	case 3:
		return &pausetypes.MsgUpdateParams{Authority: authority, Params: pausetypes.Params{
			MaxSeconds: uint64(10 + pick(30)), MotionSeconds: uint64(60 + pick(200)), RestSeconds: uint64(pick(30)),
		}}
	case 4:
		return &pausetypes.MsgPause{Sender: authority, TypeUrls: []string{"/cosmos.bank.v1beta1.MsgSend"}, Seconds: 10, Reason: "a drill"}
	case 5:
		paused, err := a.Pause.Paused(p.next)
		must(p, err)
		if len(paused) == 0 {
			return nil
		}
		return &pausetypes.MsgResume{Sender: authority, TypeUrls: []string{paused[0].TypeUrl}, Reason: "enough"}
	}
	return p.ruling()
}

// lively are values with which a market goes on in a play: open, revealing soon, and without the sheets that no player
// has.
var lively = []subnettypes.Value{
	{Name: subnettypes.RevealDelay, Value: 1},
	{Name: subnettypes.EvidenceLeaves, Value: 0},
	{Name: subnettypes.RegistrationOpen, Value: 1},
	{Name: subnettypes.MinAllowedWeights, Value: 1},
	{Name: subnettypes.MaxWeightLimit, Value: 65_535},
	{Name: subnettypes.Immunity, Value: 0},
}

// ruling is what governance may decide in one subnet, mostly what an owner's random parameters spoil.
func (p *random) ruling() sdk.Msg {
	var subnets []subnettypes.Subnet
	must(p, p.w.App.Subnet.EachSubnet(p.next, func(s subnettypes.Subnet) (bool, error) {
		subnets = append(subnets, s)
		return false, nil
	}))
	if len(subnets) == 0 {
		return nil
	}
	netuid := subnets[p.r.Intn(len(subnets))].Netuid
	switch p.r.Intn(12) {
	case 0:
		return &subnettypes.MsgDissolveSubnet{Sender: authority, Netuid: netuid}
	case 1, 2:
		neurons, err := p.w.App.Subnet.Neurons(p.next, netuid)
		must(p, err)
		for _, n := range neurons {
			if n.NewOwner != "" {
				return &subnettypes.MsgCancelOwner{Sender: authority, Netuid: netuid, Uid: n.Uid}
			}
		}
	case 3:
		rows, err := p.w.App.Subnet.Parameters(p.next, netuid)
		must(p, err)
		row := rows[p.r.Intn(len(rows))]
		return &subnettypes.MsgSetParameter{Sender: authority, Netuid: netuid, Name: row.Name, Value: row.Min + p.r.Int63n(row.Max-row.Min+1)}
	}
	for _, i := range p.r.Perm(len(lively)) {
		if v := lively[i]; p.w.App.Subnet.Value(p.next, netuid, v.Name) != v.Value {
			return &subnettypes.MsgSetParameter{Sender: authority, Netuid: netuid, Name: v.Name, Value: v.Value}
		}
	}
	return nil
}

// vote lets somebody vote on a proposal, mostly for it.
func (p *random) vote() {
	var open []uint64
	must(p, p.w.App.Gov.Proposals.Walk(p.next, nil, func(id uint64, proposal govv1.Proposal) (bool, error) {
		if proposal.Status == govv1.StatusVotingPeriod {
			open = append(open, id)
		}
		return false, nil
	}))
	validators, err := p.w.App.Staking.GetBondedValidatorsByPower(p.next)
	must(p, err)
	if len(open) == 0 || len(validators) == 0 {
		return
	}
	operator, err := sdk.ValAddressFromBech32(validators[p.r.Intn(len(validators))].OperatorAddress)
	must(p, err)
	who, ok := p.known(sdk.AccAddress(operator).String())
	if !ok {
		return
	}
	option := govv1.OptionYes
	if p.r.Intn(8) == 0 {
		option = govv1.VoteOption(1 + p.r.Intn(4))
	}
	p.send(who, false, govv1.NewMsgVote(who.Address, open[p.r.Intn(len(open))], option, ""))
}

// hearProposals counts what passed proposals did.
func (p *random) hearProposals() {
	for id, names := range p.watched {
		proposal, err := p.w.App.Gov.Proposals.Get(p.w.Ctx(), id)
		if err == nil && proposal.Status == govv1.StatusVotingPeriod {
			continue
		}
		delete(p.watched, id)
		if err == nil && proposal.Status == govv1.StatusPassed {
			for _, name := range names {
				p.done[name+"@gov"]++
			}
		} else {
			p.refused["a proposal"]++
		}
	}
}
