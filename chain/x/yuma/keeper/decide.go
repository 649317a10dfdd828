package keeper

import (
	"context"
	"encoding/binary"
	"slices"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
	"agora/mechanism/fixed"
	"agora/mechanism/yuma"
)

// decide stores and pays what an epoch computed.
func (k *Keeper) decide(ctx sdk.Context, e *epoch, result *yuma.Result) error {
	paid, err := k.pay(ctx, e, result)
	if err != nil {
		return err
	}
	if err := k.storeBonds(ctx, e, result); err != nil {
		return err
	}
	netuid := e.subnet.Netuid
	if err := k.emission.Spoke(ctx, netuid, e.speakers()); err != nil {
		return err
	}
	if err := k.subnets.RecordStanding(ctx, netuid, e.ofMiners(paid.ByUID), e.input.Permit); err != nil {
		return err
	}
	if err := k.carries.Set(ctx, netuid, e.carry.After(e.subnet.Epoch, ctx.BlockHeight())); err != nil {
		return err
	}
	record := e.record(ctx)
	record.Decided, record.Paid, record.Burned = true, paid.Total-paid.Burned, paid.Burned
	record.Stake, record.Consensus = packU16(result.StakeWeight), packU16(result.Consensus)
	record.Incentive, record.Dividends = packU16(result.Incentive), packU16(result.Dividends)
	record.ValidatorTrust, record.Emissions = packU16(result.ValidatorTrust), paid.ByUID
	record.Authors = paid.ByAuthor
	return k.close(ctx, e, record, &types.EpochRun{
		Netuid: netuid, Epoch: e.subnet.Epoch, Decided: true, Emission: paid.Total,
		Miners: paid.Miners, Validators: paid.Validators, Owner: paid.Owner, Burned: paid.Burned, Authors: paid.Authors,
	})
}

// speakers lists the operators whose weights were in force.
func (e *epoch) speakers() (operators []string) {
	for _, v := range e.voices {
		if uid := int(v.Voice.Uid); uid < len(e.owners) && e.input.Active[uid] {
			operators = append(operators, v.Voice.Operator)
		}
	}
	return operators
}

// ofMiners is what was paid to miners, by uid.
func (e *epoch) ofMiners(paid []uint64) []uint64 {
	miners := slices.Clone(paid)
	for uid := range miners {
		if e.input.Barred[uid] {
			miners[uid] = 0
		}
	}
	return miners
}

// pay hands the budget out as the result says. If no miner earned, nobody is paid and the budget is burned.
func (k *Keeper) pay(ctx sdk.Context, e *epoch, result *yuma.Result) (emissiontypes.Paid, error) {
	if !anyAbove(result.Exact.Incentive) {
		burned, err := k.emission.BurnPending(ctx, e.subnet.Netuid, "no miner earned incentive")
		return emissiontypes.Paid{Total: burned, Burned: burned, ByUID: make([]uint64, len(e.owners))}, err
	}
	miners, err := k.minersPay(ctx, e, result)
	if err != nil {
		return emissiontypes.Paid{}, err
	}
	payout := emissiontypes.Payout{
		Epoch: e.subnet.Epoch, Uids: len(e.owners), OwnerShare: e.snapshot.OwnerShare, Miners: miners,
	}
	for i := range e.voices {
		v := &e.voices[i]
		amount := result.ValidatorEmission[v.Voice.Uid]
		if amount == 0 {
			continue
		}
		payout.Validators = append(payout.Validators, emissiontypes.ValidatorPay{
			Uid: v.Voice.Uid, Operator: v.Voice.Operator, Validator: &v.Validator, Amount: amount,
		})
	}
	paid, err := k.emission.Pay(ctx, e.subnet.Netuid, payout)
	if err != nil {
		return paid, err
	}
	return paid, k.models.NotePaid(ctx, e.subnet.Netuid, e.subnet.Epoch, miners, paid)
}

// minersPay lists what each miner earned, and what of it goes to the author of the model that it served in the tempo of the
// weights that earn it.
func (k *Keeper) minersPay(ctx sdk.Context, e *epoch, result *yuma.Result) (miners []emissiontypes.MinerPay, err error) {
	for uid, share := range result.Exact.Incentive {
		if share <= 0 {
			continue
		}
		owner, err := network.Account(e.owners[uid])
		if err != nil {
			return nil, err
		}
		miners = append(miners, emissiontypes.MinerPay{
			Uid: uint32(uid), Registered: int64(e.input.Registered[uid]), Owner: owner, Amount: result.ServerEmission[uid],
		})
	}
	return miners, k.models.Attribute(ctx, e.subnet.Netuid, e.judged(), miners)
}

// judged is the epoch in which the weights that are in force now were committed.
func (e *epoch) judged() uint64 {
	if e.subnet.OpenWeights {
		return e.subnet.Epoch
	}
	return e.subnet.Epoch - min(e.subnet.RevealDelay, e.subnet.Epoch)
}

func anyAbove(shares []fixed.I32F32) bool {
	for _, s := range shares {
		if s > 0 {
			return true
		}
	}
	return false
}

// storeBonds keeps the bonds of the voices that were present, leaves those of absent ones asleep, and forgets what has
// slept too long.
func (k *Keeper) storeBonds(ctx sdk.Context, e *epoch, result *yuma.Result) error {
	if err := removeAll(ctx, k.bonds, e.stale); err != nil {
		return err
	}
	boxed := context.Context(ctx)
	for i := range e.voices {
		uid := e.voices[i].Voice.Uid
		if int(uid) >= len(e.owners) || !e.input.Active[uid] {
			continue
		}
		row := types.Row{
			Netuid: e.subnet.Netuid, Uid: uid, Operator: e.voices[i].Voice.Operator,
			Entries: result.Bonds[uid], Epoch: e.subnet.Epoch, Height: ctx.BlockHeight(),
		}
		if err := k.keepBonds(boxed, row); err != nil {
			return err
		}
	}
	return nil
}

// keepBonds writes the bonds of a voice that was present; none is kept as none.
func (k *Keeper) keepBonds(ctx context.Context, row types.Row) error {
	if len(row.Entries) == 0 {
		return k.bonds.Remove(ctx, row.Key())
	}
	return k.bonds.Set(ctx, row.Key(), row)
}

// carryOver ends an epoch without a quorum: nothing is paid, the emission waits, and after max_carry epochs in a row it
// is burned.
func (k *Keeper) carryOver(ctx sdk.Context, e *epoch) error {
	event := &types.EpochRun{Netuid: e.subnet.Netuid, Epoch: e.subnet.Epoch, Emission: e.budget.Total}
	carry := e.carry
	if carry.Epochs++; carry.Epochs <= e.snapshot.Params.MaxCarry {
		event.Carried = e.budget.Total
		if err := k.emission.Excuse(ctx, e.subnet.Netuid, slices.Contains(e.input.Active, true)); err != nil {
			return err
		}
	} else {
		carry.Epochs = 0
		burned, err := k.emission.BurnPending(ctx, e.subnet.Netuid, "no quorum")
		if err != nil {
			return err
		}
		event.Burned = burned
	}
	if err := k.carries.Set(ctx, e.subnet.Netuid, carry); err != nil {
		return err
	}
	record := e.record(ctx)
	record.Burned, record.Carried = event.Burned, event.Carried
	return k.close(ctx, e, record, event)
}

// record begins the epoch's entry in the history.
func (e *epoch) record(ctx sdk.Context) types.EpochRecord {
	return types.EpochRecord{
		Netuid: e.subnet.Netuid, Epoch: e.subnet.Epoch, Height: ctx.BlockHeight(),
		BlockTimeUnix: ctx.BlockTime().Unix(), Emission: e.budget.Total,
		Permits: packBool(e.input.Permit), Active: packBool(e.input.Active),
	}
}

// close writes the history, forgets what this epoch was the last to need, and tells what happened.
func (k *Keeper) close(ctx sdk.Context, e *epoch, record types.EpochRecord, event *types.EpochRun) error {
	if err := k.records.Set(ctx, collections.Join(record.Netuid, record.Epoch), record); err != nil {
		return err
	}
	if err := k.forgetRecords(ctx, record.Netuid, record.Epoch, uint64(e.snapshot.Params.History)); err != nil {
		return err
	}
	if err := k.forgetCommits(ctx, e.subnet); err != nil {
		return err
	}
	return ctx.EventManager().EmitTypedEvent(event)
}

// forgetRecords keeps the records of the last kept epochs. There is more than one to forget only after kept was lowered.
func (k *Keeper) forgetRecords(ctx sdk.Context, netuid uint32, epoch, kept uint64) error {
	if epoch < kept {
		return nil
	}
	if epoch > kept {
		more, err := k.records.Has(ctx, collections.Join(netuid, epoch-kept-1))
		if err != nil {
			return err
		}
		if more {
			return k.records.Clear(ctx, collections.NewPrefixedPairRange[uint32, uint64](netuid).EndInclusive(epoch-kept))
		}
	}
	return k.records.Remove(ctx, collections.Join(netuid, epoch-kept))
}

// forgetCommits removes the commits that could be revealed in the running epoch at the latest.
func (k *Keeper) forgetCommits(ctx sdk.Context, subnet subnettypes.Subnet) error {
	last, ok := types.NewSchedule(subnet).RevealOf()
	if !ok {
		return nil
	}
	spent, err := k.commitsUntil(ctx, subnet.Netuid, last)
	if err != nil {
		return err
	}
	return removeAll(ctx, k.commits, spent)
}

// commitsUntil lists the commits of netuid made in epoch last or before, without reading them.
func (k *Keeper) commitsUntil(ctx sdk.Context, netuid uint32, last uint64) (keys []byCommit, err error) {
	iter, err := k.commits.Iterate(ctx, collections.NewPrefixedTripleRange[uint32, uint64, string](netuid))
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	for ; iter.Valid(); iter.Next() {
		key, err := iter.Key()
		if err != nil || key.K2() > last {
			return keys, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// packU16 writes a column in two bytes per uid, little-endian.
func packU16(column []uint16) []byte {
	b := make([]byte, 0, 2*len(column))
	for _, v := range column {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

// packBool writes a column in one byte per uid.
func packBool(column []bool) []byte {
	b := make([]byte, len(column))
	for i, v := range column {
		if v {
			b[i] = 1
		}
	}
	return b
}
