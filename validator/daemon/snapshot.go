package daemon

import (
	"context"
	"crypto/ed25519"
	"math"
	"slices"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/engine/near"
	"agora/mechanism/score"
	"agora/task/continuation"
	"agora/task/shelf"
	"agora/validator"
	"agora/validator/audit"
	"agora/validator/exam"
	"agora/web"
	"agora/wire"
)

// Snapshot implements web.Source.
func (m *market) Snapshot(ctx context.Context) (*web.Snapshot, error) {
	height, err := m.client.Height(ctx)
	if err != nil {
		return nil, err
	}
	block, err := m.client.Block(ctx, height)
	if err != nil {
		return nil, err
	}
	s := &web.Snapshot{ChainID: m.client.ChainID(), Height: height, BlockTime: block.Time}
	if err := m.fillLedger(ctx, s); err != nil {
		return nil, err
	}
	judges, err := m.validators(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, status := range m.judge.Status() {
		if err := m.fillSubnet(ctx, s, status, judges); err != nil {
			return nil, err
		}
	}
	for _, name := range judges.order {
		s.Validators = append(s.Validators, *judges.byAccount[name])
	}
	return s, nil
}

func (m *market) fillLedger(ctx context.Context, s *web.Snapshot) error {
	l, err := m.client.Ledger(ctx)
	s.Ledger = web.Ledger{
		Minted: l.Ledger.Minted, Paid: l.Ledger.Paid, Pending: l.Ledger.Pending, Burned: l.Ledger.Burned,
		PerDay: l.PerDay, Issuance: l.Issuance,
	}
	return err
}

// bench is the validators by their operators' accounts, in the order of their stakes.
type bench struct {
	byAccount map[string]*web.Validator
	order     []string
}

func (m *market) validators(ctx context.Context, s *web.Snapshot) (bench, error) {
	b := bench{byAccount: map[string]*web.Validator{}}
	reply, err := stakingtypes.NewQueryClient(m.client.Conn()).Validators(ctx, &stakingtypes.QueryValidatorsRequest{})
	if err != nil {
		return b, err
	}
	profiles, err := m.client.Profiles(ctx)
	if err != nil {
		return b, err
	}
	doors, markups := map[string]string{}, map[string]uint64{}
	for _, p := range profiles {
		doors[p.Operator], markups[p.Operator] = p.GatewayUrl, uint64(p.MarkupBps)
	}
	for _, v := range reply.Validators {
		if v.IsBonded() {
			s.Ledger.Bonded += v.Tokens.Uint64()
		}
	}
	for _, v := range reply.Validators {
		operator, err := sdk.ValAddressFromBech32(v.OperatorAddress)
		if err != nil {
			return b, err
		}
		account := sdk.AccAddress(operator).String()
		w := &web.Validator{Name: v.Description.Moniker, Operator: v.OperatorAddress, Stake: v.Tokens.Uint64(), Jailed: v.Jailed, Gateway: doors[account], Markup: markups[account]}
		w.Commission, _ = v.Commission.Rate.Float64() // a share for the eye: 0 where it cannot be shown
		if v.IsBonded() && s.Ledger.Bonded > 0 {
			w.Share = float64(w.Stake) / float64(s.Ledger.Bonded)
		}
		b.byAccount[account] = w
		b.order = append(b.order, account)
	}
	return b, nil
}

func (m *market) fillSubnet(ctx context.Context, s *web.Snapshot, status validator.Status, judges bench) error {
	net, err := m.client.Subnet(ctx, status.NetUID)
	if err != nil {
		return err
	}
	calendar, err := m.client.Schedule(ctx, status.NetUID)
	if err != nil {
		return err
	}
	graph, err := m.metagraph(ctx, status.NetUID)
	if err != nil {
		return err
	}
	accounts, err := m.client.Accounts(ctx)
	if err != nil {
		return err
	}
	w := web.Subnet{
		NetUID: net.Netuid, Name: net.Name, Task: net.Mechanism.Id, Description: net.Identity.Description, Kind: kindOf(net),
		Started: net.Started, Epoch: graph.Epoch, NextEpoch: calendar.EpochAt, Tempo: calendar.Tempo, Rank: "none",
	}
	for _, a := range accounts {
		if a.Netuid == net.Netuid {
			w.Share = share(a.Share)
		}
	}
	w.Module = m.moduleOf(net, graph)
	m.fillPlaces(&w, graph, judges)
	m.fillAudits(&w)
	if err := m.fillMoney(ctx, &w); err != nil {
		return err
	}
	if err := m.fillModels(ctx, &w); err != nil {
		return err
	}
	s.Subnets = append(s.Subnets, w)
	return nil
}

// fillAudits adds what was found out about servers of open models.
func (m *market) fillAudits(w *web.Subnet) {
	course := m.judge.Course(w.NetUID)
	if course == nil {
		return
	}
	version := map[uint32]string{}
	for _, n := range m.judge.Miners(w.NetUID) {
		if n.Card != nil {
			version[n.UID] = n.Card.EngineVersion
		}
	}
	t, _ := course.Running()
	for _, s := range t.Servers {
		gate, audited := m.judge.Gate(w.NetUID, s)
		i := slices.IndexFunc(w.Miners, func(n web.Miner) bool { return n.UID == s.UID })
		if !audited || i < 0 {
			continue
		}
		a := auditsOf(gate)
		a.Near = nearOf(gate.Near, exam.SpellDigest(s.Digest), version[s.UID])
		if now, figures, ok := m.judge.Capacity(w.NetUID, s); ok {
			a.Capacity, a.Figures = float64(now)/1000, make([]float64, len(figures))
			for i, f := range figures {
				a.Figures[i] = float64(f) / 1000
			}
		}
		w.Miners[i].Audits = a
	}
}

// auditsOf is a standing as a page shows it.
func auditsOf(s audit.Standing) *web.Audits {
	a := &web.Audits{
		Paid: s.Open, Closed: s.Closed, Why: s.Why, Answers: s.Answers, Last: []web.Audit{},
		Service: float64(s.Service) / math.MaxUint16, Asked: s.Asked, Answered: s.Answered,
	}
	for _, v := range s.Last {
		switch v.Outcome {
		case audit.Right:
			a.Right++
		case audit.False:
			a.False++
		}
		a.Last = append(a.Last, web.Audit{At: v.At, Receipt: v.Receipt, Outcome: string(v.Outcome), Reason: v.Reason})
	}
	return a
}

// nearOf is what was measured of a server on another engine, beside what was measured of such engines before; nil for nothing.
func nearOf(t near.Tally, digest, engine string) *web.Near {
	if t.Answers == 0 {
		return nil
	}
	n := &web.Near{Distance: t.Distance(), Peak: t.Peak(), Tokens: t.Tokens}
	if c, ok := near.Of(digest, engine); ok {
		n.Honest, n.Others = &c.Honest, c.Others
	}
	return n
}

// fillMoney adds what was paid for work in a subnet, and what its miners' owners earned here.
func (m *market) fillMoney(ctx context.Context, w *web.Subnet) error {
	turnovers, err := m.client.Turnovers(ctx)
	if err != nil {
		return err
	}
	for _, t := range turnovers {
		if t.Netuid == w.NetUID {
			w.Claimed, w.Demand = t.Claimed, t.Burned
		}
	}
	if m.ledger == nil {
		return nil
	}
	debts, err := m.ledger.Debts(ctx)
	if err != nil {
		return err
	}
	income := map[string]uint64{}
	for _, d := range debts {
		income[d.Payee] = d.Owed.Of(w.NetUID)
	}
	for i := range w.Miners {
		w.Miners[i].Income = income[w.Miners[i].Owner]
	}
	return nil
}

// dearer is a miner's price with the mark-up of this gateway.
func (m *market) dearer(rao uint64) uint64 {
	return rao + rao/10_000*m.markup + rao%10_000*m.markup/10_000
}

// moduleOf is a subnet's task for its page; nil where the task is built in.
func (m *market) moduleOf(net subnettypes.Subnet, graph yumatypes.QueryMetagraphResponse) *web.Module {
	if net.Mechanism.Id != subnettypes.TaskModule || m.modules == nil {
		return nil
	}
	t, problem := m.modules.running(net.Mechanism)
	w := &web.Module{Digest: net.Mechanism.Digest, Problem: problem, Judges: []string{}, Tried: []web.Tried{}}
	if t != nil {
		fillTask(w, t)
	}
	for _, u := range graph.Uids {
		if u.Voice {
			w.Judges = append(w.Judges, u.Owner)
		}
	}
	if net.Next != nil && net.Next.Mechanism.Digest != net.Mechanism.Digest {
		w.Next, w.NextAt = net.Next.Mechanism.Digest, net.Next.From
	}
	if digest, tried := m.judge.Beside(net.Netuid); digest == w.Next {
		for _, t := range tried {
			w.Tried = append(w.Tried, web.Tried{UID: t.UID, Items: t.Items, Mean: t.Mean})
		}
	}
	return w
}

// fillTask adds what a module says of itself, carries and took.
func fillTask(w *web.Module, t *shelf.Task) {
	about, cost := t.Description(), t.Cost()
	w.Name, w.About, w.Source = about.Name, about.About, about.Source
	w.Items, w.Scores, w.Asks, w.Failed = cost.Items, cost.Scores, cost.Asks, cost.Failed
	if cost.Calls > 0 {
		w.MeanMS = cost.Time.Seconds() * 1000 / float64(cost.Calls)
	}
	for _, f := range t.Module.Source() {
		w.Files = append(w.Files, web.File(f))
	}
}

func kindOf(net subnettypes.Subnet) web.Kind {
	if net.Mechanism.Id == continuation.Name {
		return web.KindCompletion
	}
	return web.KindChat
}

// scoreOf is a standing as a page shows it.
func scoreOf(st score.Standing) *web.Score {
	s := &web.Score{
		Value: st.Mean, Low: st.Lower, High: st.Upper, Items: st.Asked, Service: st.Service, Ready: st.Ready, Tier: st.Tier, Weight: st.Weight,
	}
	if st.CopyOf >= 0 {
		uid := uint32(st.CopyOf)
		s.CopyOf = &uid
	}
	return s
}

// share is a stored u16 as a part of one.
func share(stored uint32) float64 { return float64(stored) / math.MaxUint16 }

// fillPlaces adds a subnet's miners to it and its voices to their validators.
func (m *market) fillPlaces(w *web.Subnet, graph yumatypes.QueryMetagraphResponse, judges bench) {
	places := map[uint32]yumatypes.Uid{}
	for _, u := range graph.Uids {
		places[u.Uid] = u
		w.Emission += u.Emission
		if v := judges.byAccount[u.Owner]; u.Voice && v != nil {
			v.Voices = append(v.Voices, web.Voice{
				NetUID: w.NetUID, UID: u.Uid, Trust: share(u.ValidatorTrust), Dividends: share(u.Dividends), Emission: u.Emission, Active: u.Active,
			})
		}
	}
	own := scores(m.judge.Scores(w.NetUID))
	for _, n := range m.judge.Miners(w.NetUID) {
		u := places[n.UID]
		miner := web.Miner{
			UID: n.UID, HotKey: wire.PeerID(ed25519.PublicKey(n.HotKey)), Owner: n.Owner, Connected: n.Connected,
			Incentive: share(u.Incentive), Emission: u.Emission,
		}
		if n.Card != nil {
			miner.Model, miner.Digest, miner.Engine = n.Card.Name, n.Card.Digest, n.Card.Engine
			miner.CardIn, miner.CardOut = n.Card.PriceIn, n.Card.PriceOut
			miner.PriceIn, miner.PriceOut = m.dearer(n.Card.PriceIn), m.dearer(n.Card.PriceOut)
		}
		if st, ok := own[uint16(n.UID)]; ok && st.N > 0 {
			miner.Score = scoreOf(st)
			if w.Rank == "none" {
				w.Rank = "own"
			}
		}
		if u.Incentive > 0 {
			w.Rank = "chain"
		}
		w.Miners = append(w.Miners, miner)
	}
}
