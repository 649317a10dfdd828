package keeper

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	emissiontypes "agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
)

// Metagraph returns every column of a subnet by uid, as its last decided epoch left them and the neurons are now.
func (q queryServer) Metagraph(ctx context.Context, req *types.QueryMetagraphRequest) (*types.QueryMetagraphResponse, error) {
	sctx := sdk.UnwrapSDKContext(ctx)
	subnet, err := q.k.subnets.Subnet(sctx, req.Netuid)
	if err != nil {
		return nil, err
	}
	from, to, page, err := pageOfUids(bounded(req.Pagination), subnet.Size_)
	if err != nil {
		return nil, err
	}
	record, err := q.k.lastDecided(sctx, req.Netuid)
	if err != nil {
		return nil, err
	}
	voices, err := q.k.voicesByUid(sctx, req.Netuid)
	if err != nil {
		return nil, err
	}
	res := &types.QueryMetagraphResponse{Netuid: req.Netuid, Epoch: record.Epoch, Height: record.Height, Pagination: page}
	for uid := from; uid < to; uid++ {
		line, err := q.k.metagraphLine(sctx, req.Netuid, uid, record, voices)
		if err != nil {
			return nil, err
		}
		res.Uids = append(res.Uids, line)
	}
	return res, q.k.nameModels(sctx, subnet, res.Uids)
}

// nameModels fills in what each neuron is paid for serving in the running tempo, and who made that.
func (k *Keeper) nameModels(ctx sdk.Context, subnet subnettypes.Subnet, lines []types.Uid) error {
	served := make([]emissiontypes.MinerPay, len(lines))
	for i, line := range lines {
		served[i] = emissiontypes.MinerPay{Uid: line.Uid, Registered: line.Registered}
	}
	if err := k.models.Attribute(ctx, subnet.Netuid, subnet.Epoch, served); err != nil {
		return err
	}
	for i, s := range served {
		lines[i].Digest = s.Model
		if len(s.Author) > 0 {
			lines[i].Author = s.Author.String()
		}
	}
	return nil
}

// pageOfUids turns a page request over uids 0..size−1 into a range; the key is the next uid in four bytes, big-endian.
func pageOfUids(page *query.PageRequest, size uint32) (from, to uint32, next *query.PageResponse, err error) {
	switch {
	case page.Reverse:
		return 0, 0, nil, fmt.Errorf("%w: uids are listed upwards only", types.ErrInvalid)
	case len(page.Key) == 4:
		from = binary.BigEndian.Uint32(page.Key)
	case len(page.Key) > 0:
		return 0, 0, nil, fmt.Errorf("%w: page key of %d bytes", types.ErrInvalid, len(page.Key))
	default:
		from = uint32(min(page.Offset, uint64(size)))
	}
	from = min(from, size)
	to = uint32(min(uint64(from)+page.Limit, uint64(size)))
	next = &query.PageResponse{Total: uint64(size)}
	if to < size {
		next.NextKey = binary.BigEndian.AppendUint32(nil, to)
	}
	return from, to, next, nil
}

// lastDecided returns the record of the last epoch that decided, an empty one if it is not in the history.
func (k *Keeper) lastDecided(ctx sdk.Context, netuid uint32) (types.EpochRecord, error) {
	carry, err := k.carryOf(ctx, netuid)
	if err != nil || carry.DecidedHeight == 0 {
		return types.EpochRecord{}, err
	}
	record, err := k.records.Get(ctx, collections.Join(netuid, carry.DecidedEpoch))
	if errors.Is(err, collections.ErrNotFound) {
		return types.EpochRecord{}, nil
	}
	return record, err
}

// voicesByUid returns a subnet's voices in a slice indexed by uid, nil where there is none.
func (k *Keeper) voicesByUid(ctx sdk.Context, netuid uint32) (byUid []*subnettypes.VoiceEntry, err error) {
	voices, err := k.subnets.Voices(ctx, netuid)
	for i, v := range voices {
		for uint32(len(byUid)) <= v.Voice.Uid {
			byUid = append(byUid, nil)
		}
		byUid[v.Voice.Uid] = &voices[i]
	}
	return byUid, err
}

// metagraphLine puts one uid's columns together. Columns of the last epoch are 0 for a neuron that registered after it.
func (k *Keeper) metagraphLine(ctx sdk.Context, netuid, uid uint32, record types.EpochRecord,
	voices []*subnettypes.VoiceEntry,
) (types.Uid, error) {
	neuron, err := k.subnets.Neuron(ctx, netuid, uid)
	if err != nil {
		return types.Uid{}, err
	}
	line := types.Uid{Uid: uid, HotKey: neuron.HotKey, Owner: neuron.Owner, Registered: neuron.Registered}
	if neuron.Card != nil {
		line.Model = neuron.Card.Name
	}
	if int(uid) < len(voices) && voices[uid] != nil {
		v := voices[uid]
		line.Voice, line.Permit, line.Stake = true, v.Permitted, v.Stake
		row, err := k.weights.Get(ctx, collections.Join(netuid, v.Voice.Operator))
		if err != nil && !errors.Is(err, collections.ErrNotFound) {
			return line, err
		}
		line.LastUpdate = row.CommitHeight
	}
	if neuron.Registered < record.Height {
		fill(&line, record)
	}
	return line, nil
}

// fill copies a uid's columns out of a record.
func fill(line *types.Uid, r types.EpochRecord) {
	uid := int(line.Uid)
	line.StakeWeight, line.Consensus = u16At(r.Stake, uid), u16At(r.Consensus, uid)
	line.Incentive, line.Dividends = u16At(r.Incentive, uid), u16At(r.Dividends, uid)
	line.ValidatorTrust = u16At(r.ValidatorTrust, uid)
	line.Active = uid < len(r.Active) && r.Active[uid] != 0
	if uid < len(r.Emissions) {
		line.Emission = r.Emissions[uid]
	}
	if uid < len(r.Authors) {
		line.AuthorEmission = r.Authors[uid]
	}
}

// u16At reads a packed column; 0 beyond its end.
func u16At(column []byte, uid int) uint32 {
	if 2*uid+2 > len(column) {
		return 0
	}
	return uint32(binary.LittleEndian.Uint16(column[2*uid:]))
}
