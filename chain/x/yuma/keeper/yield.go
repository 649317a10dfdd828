package keeper

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
	"agora/mechanism/fixed"
)

const (
	// yieldEpochs is how many epochs of each subnet are looked at unless the question says.
	yieldEpochs = 20
	// yieldRecords and yieldSubnets bound what one page looks at: some 5 KB of history for each epoch of 256 neurons, and
	// the voices of each subnet.
	yieldRecords, yieldSubnets = 160, 4
	// year is in seconds.
	year = 31_557_600
	// basisPoints is how many of them are one.
	basisPoints = 10_000
)

// Validators tells what every validator with a voice earned over the last epochs, what that makes in a year for a
// nominator, and in how many of its epochs it spoke.
func (q queryServer) Validators(ctx context.Context, req *types.QueryValidatorsRequest) (*types.QueryValidatorsResponse, error) {
	sctx := sdk.UnwrapSDKContext(ctx)
	epochs := int(min(req.Epochs, yieldRecords))
	if epochs == 0 {
		epochs = yieldEpochs
	}
	netuids, page, err := q.k.pageOfSubnets(sctx, req, max(1, min(yieldSubnets, yieldRecords/epochs)))
	if err != nil {
		return nil, err
	}
	var book yields
	for _, netuid := range netuids {
		if err := q.k.addYields(sctx, netuid, epochs, &book); err != nil {
			return nil, err
		}
	}
	waiting, err := q.k.emission.Waiting(sctx)
	if err != nil {
		return nil, err
	}
	for i := range book {
		if w, found := slices.BinarySearchFunc(waiting, book[i].Operator, emissiontypes.Waiting.Compare); found {
			book[i].Waiting = waiting[w].Waiting
		}
		if err := q.k.finishYield(sctx, &book[i]); err != nil {
			return nil, err
		}
	}
	return &types.QueryValidatorsResponse{Validators: book, Pagination: page}, nil
}

// pageOfSubnets lists the subnets that a page looks at; the key of the next is its first netuid in four bytes, big-endian.
func (k *Keeper) pageOfSubnets(ctx sdk.Context, req *types.QueryValidatorsRequest, most int) (netuids []uint32, next *query.PageResponse, err error) {
	from := uint32(0)
	if key := req.Pagination.GetKey(); len(key) == 4 {
		from = binary.BigEndian.Uint32(key)
	} else if len(key) > 0 {
		return nil, nil, fmt.Errorf("%w: page key of %d bytes", types.ErrInvalid, len(key))
	}
	if limit := req.Pagination.GetLimit(); limit > 0 {
		most = int(min(limit, uint64(most)))
	}
	next = &query.PageResponse{}
	err = k.subnets.EachSubnet(ctx, func(s subnettypes.Subnet) (bool, error) {
		if s.Netuid < from || req.Netuid != 0 && s.Netuid != req.Netuid {
			return false, nil
		}
		if len(netuids) == most {
			next.NextKey = binary.BigEndian.AppendUint32(nil, s.Netuid)
			return true, nil
		}
		netuids = append(netuids, s.Netuid)
		return false, nil
	})
	return netuids, next, err
}

// yields are sorted by operator.
type yields []types.ValidatorYield

// of returns the line of an operator, good until the next call.
func (y *yields) of(operator string) *types.ValidatorYield {
	i, found := slices.BinarySearchFunc(*y, operator, func(v types.ValidatorYield, o string) int { return cmp.Compare(v.Operator, o) })
	if !found {
		*y = slices.Insert(*y, i, types.ValidatorYield{Operator: operator})
	}
	return &(*y)[i]
}

// addYields adds what the voices of a subnet earned in its last epochs.
func (k *Keeper) addYields(ctx sdk.Context, netuid uint32, epochs int, book *yields) error {
	voices, err := k.subnets.Voices(ctx, netuid)
	if err != nil {
		return err
	}
	records, err := k.lastRecords(ctx, netuid, epochs)
	if err != nil {
		return err
	}
	for _, v := range voices {
		line := book.of(v.Voice.Operator)
		line.Stake = v.Stake
		addVoice(line, v.Voice, records)
	}
	return nil
}

// lastRecords returns a subnet's last epochs, newest first.
func (k *Keeper) lastRecords(ctx sdk.Context, netuid uint32, most int) (records []types.EpochRecord, err error) {
	newestFirst := collections.NewPrefixedPairRange[uint32, uint64](netuid).Descending()
	err = k.records.Walk(ctx, newestFirst, func(_ byEpoch, r types.EpochRecord) (bool, error) {
		records = append(records, r)
		return len(records) >= most, nil
	})
	return records, err
}

// addVoice adds one voice's part of records, newest first, since it is a voice. What an epoch pays came in since the one
// before it, so the oldest record counts for the rate only as a beginning.
func addVoice(line *types.ValidatorYield, voice subnettypes.Voice, records []types.EpochRecord) {
	var earned, seconds uint64
	for i, r := range records {
		if r.Height <= voice.ChangedHeight {
			break
		}
		uid := int(voice.Uid)
		line.Epochs++
		if uid < len(r.Active) && r.Active[uid] != 0 {
			line.Spoken++
		}
		var amount uint64
		if uid < len(r.Emissions) {
			amount = r.Emissions[uid]
		}
		line.Earned += amount
		if i+1 < len(records) {
			earned += amount
			seconds += uint64(max(0, r.BlockTimeUnix-records[i+1].BlockTimeUnix))
		}
	}
	line.PerYear += fixed.Part(earned, year, seconds)
}

// finishYield says what a line's rate means for a nominator.
func (k *Keeper) finishYield(ctx sdk.Context, line *types.ValidatorYield) error {
	operator, err := network.Account(line.Operator)
	if err != nil {
		return err
	}
	line.Commission, err = k.emission.Commission(ctx, operator.Bytes())
	if errors.Is(err, stakingtypes.ErrNoValidatorFound) {
		return nil // its voice outlived it
	}
	kept := fixed.Part(line.PerYear, uint64(basisPoints-min(line.Commission, basisPoints)), basisPoints)
	line.Yield = uint32(min(fixed.Part(kept, basisPoints, line.Stake), math.MaxUint32))
	return err
}
