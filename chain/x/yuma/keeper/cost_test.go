package keeper_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	"github.com/cosmos/cosmos-sdk/types/query"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	emissionkeeper "agora/chain/x/emission/keeper"
	emissiontypes "agora/chain/x/emission/types"
	subnetkeeper "agora/chain/x/subnet/keeper"
	subnettypes "agora/chain/x/subnet/types"
	yumakeeper "agora/chain/x/yuma/keeper"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

const (
	costSubnets = 128
	costUids    = 256
	costVoices  = 64
	costEpochs  = 100
)

// crowded is a network at its default limits with a whole history: 128 subnets of 256 neurons, 64 of which are voices, and
// 100 epochs of each.
func crowded(t *testing.T) *yumatest.Market {
	t.Helper()
	m := yumatest.Bare(t)
	m.Must(m.Staking.SetParams(m.Ctx, stakingtypes.DefaultParams()))
	m.Must(m.Distribution.Params.Set(m.Ctx, distrtypes.DefaultParams()))
	m.Must(m.Distribution.FeePool.Set(m.Ctx, distrtypes.InitialFeePool()))
	subnets, epochs := subnettypes.DefaultGenesis(), types.DefaultGenesis()
	column, emissions := bytes.Repeat([]byte{7}, 2*costUids), make([]uint64, costUids)
	for i := range emissions {
		emissions[i] = 1_000_000_000
	}
	for netuid := uint32(1); netuid <= costSubnets; netuid++ {
		subnets.Subnets = append(subnets.Subnets, subnettypes.Subnet{
			Netuid: netuid, Owner: yumatest.Address("owner").String(), Name: fmt.Sprint("s", netuid),
			Mechanism: subnettypes.Mechanism{Id: "exact"}, CreatedHeight: 1, CreatedTime: m.Ctx.BlockTime(), Epoch: costEpochs,
			TempoStart: 1, Tempo: 360, Size_: costUids,
		})
		for uid := range uint32(costUids) {
			name := fmt.Sprint("player", uid)
			owner := yumatest.Address(name).String()
			subnets.Neurons = append(subnets.Neurons, subnettypes.Neuron{
				Netuid: netuid, Uid: uid, HotKey: yumatest.Public(yumatest.HotKey(name)), Owner: owner,
			})
			if uid < costVoices {
				subnets.Voices = append(subnets.Voices, subnettypes.Voice{Netuid: netuid, Operator: owner, Uid: uid})
			}
		}
		for epoch := range uint64(costEpochs) {
			epochs.Records = append(epochs.Records, types.EpochRecord{
				Netuid: netuid, Epoch: epoch, Height: int64(epoch), BlockTimeUnix: int64(720 * epoch), Decided: true, Stake: column,
				Consensus: column, Incentive: column, Dividends: column, ValidatorTrust: column, Active: column[:costUids], Emissions: emissions,
			})
		}
	}
	subnets.NextNetuid = costSubnets + 1
	m.Must(m.Subnet.InitGenesis(m.Ctx, *subnets))
	m.Must(m.Emission.InitGenesis(m.Ctx, promises()))
	for i := range costVoices {
		m.Validate(fmt.Sprint("player", i), 1_000_000_000_000)
	}
	m.Must(m.Yuma.InitGenesis(m.Ctx, *epochs))
	m.Commit()
	return m
}

// promises is a book in which every subnet still owes all its voices dividends.
func promises() emissiontypes.GenesisState {
	g := *emissiontypes.DefaultGenesis()
	var entries []emissiontypes.Dividend
	for uid := range costVoices {
		entries = append(entries, emissiontypes.Dividend{Operator: yumatest.Address(fmt.Sprint("player", uid)), Amount: 1_000_000_000})
	}
	slices.SortFunc(entries, func(a, b emissiontypes.Dividend) int { return bytes.Compare(a.Operator, b.Operator) })
	for netuid := uint32(1); netuid <= costSubnets; netuid++ {
		g.Flows = append(g.Flows, emissiontypes.Flow{Netuid: netuid, Next: 2, Step: 18, Of: 20})
		g.Dividends = append(g.Dividends, emissiontypes.Dividends{Netuid: netuid, Entries: entries})
	}
	owed := uint64(costSubnets * costVoices * 1_000_000_000)
	g.Ledger.Minted, g.Ledger.Pending, g.Ledger.Promised = owed, owed, owed
	return g
}

// processor is the time that the process has had.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestNoQueryReadsMuch asks every question that grows with the market or its history for as much as it gives, in a crowded
// network. The store's gas counts rows and bytes that are read: 2.3 million took 5.2 ms of processor where it was measured, so
// what is allowed here is below 20 ms.
func TestNoQueryReadsMuch(t *testing.T) {
	const most = 6_000_000
	m := crowded(t)
	epochs, markets, book := yumakeeper.NewQueryServer(m.Yuma), subnetkeeper.NewQueryServer(m.Subnet), emissionkeeper.NewQueryServer(m.Emission)
	page := &query.PageRequest{Limit: 1 << 40, CountTotal: true}
	for name, ask := range map[string]func(context.Context) (any, error){
		"validators": func(c context.Context) (any, error) {
			return epochs.Validators(c, &types.QueryValidatorsRequest{Pagination: page})
		},
		"100 epochs": func(c context.Context) (any, error) {
			return epochs.Validators(c, &types.QueryValidatorsRequest{Epochs: 100})
		},
		"many epochs": func(c context.Context) (any, error) {
			return epochs.Validators(c, &types.QueryValidatorsRequest{Epochs: 1 << 31})
		},
		"one market": func(c context.Context) (any, error) {
			return epochs.Validators(c, &types.QueryValidatorsRequest{Netuid: 128, Epochs: 100})
		},
		"history": func(c context.Context) (any, error) {
			return epochs.Epochs(c, &types.QueryEpochsRequest{Netuid: 1, Pagination: page})
		},
		"metagraph": func(c context.Context) (any, error) {
			return epochs.Metagraph(c, &types.QueryMetagraphRequest{Netuid: 1, Pagination: page})
		},
		"subnets": func(c context.Context) (any, error) {
			return markets.Subnets(c, &subnettypes.QuerySubnetsRequest{Pagination: page})
		},
		"neurons": func(c context.Context) (any, error) {
			return markets.Neurons(c, &subnettypes.QueryNeuronsRequest{Netuid: 1, Pagination: page})
		},
		"voices": func(c context.Context) (any, error) {
			return markets.Voices(c, &subnettypes.QueryVoicesRequest{Netuid: 1, Pagination: page})
		},
		"parameters": func(c context.Context) (any, error) {
			return markets.Parameters(c, &subnettypes.QueryParametersRequest{Netuid: 1})
		},
		"accounts": func(c context.Context) (any, error) { return book.Accounts(c, &emissiontypes.QueryAccountsRequest{}) },
		"dividends": func(c context.Context) (any, error) {
			return book.Dividends(c, &emissiontypes.QueryDividendsRequest{Pagination: page})
		},
		"root votes": func(c context.Context) (any, error) {
			return book.RootVotes(c, &emissiontypes.QueryRootVotesRequest{Pagination: page})
		},
	} {
		meter, best := storetypes.NewInfiniteGasMeter(), time.Hour
		for range 5 {
			began := processor(t)
			meter = storetypes.NewInfiniteGasMeter()
			if _, err := ask(m.Ctx.WithGasMeter(meter)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			best = min(best, processor(t)-began)
		}
		t.Logf("%12s: %9d gas, %s of processor", name, meter.GasConsumed(), best.Round(10*time.Microsecond))
		if meter.GasConsumed() > most {
			t.Errorf("%s: %d gas of reading, want at most %d", name, meter.GasConsumed(), most)
		}
	}
}

// TestPagesOfYieldsCoverEverySubnetOnce follows the pages to their end.
func TestPagesOfYieldsCoverEverySubnetOnce(t *testing.T) {
	m := yumatest.New(t)
	m.Validate("val0", 1_000_000_000_000)
	for i := range 9 {
		m.Speak("val0", m.Open("owner", fmt.Sprint("s", i)))
	}
	server, req, pages := yumakeeper.NewQueryServer(m.Yuma), &types.QueryValidatorsRequest{}, 0
	for ; ; pages++ {
		r, err := server.Validators(m.Ctx, req)
		m.Must(err)
		if len(r.Validators) != 1 || r.Validators[0].Operator != yumatest.Address("val0").String() {
			t.Fatalf("page %d: %v", pages, r.Validators)
		}
		if len(r.Pagination.NextKey) == 0 {
			break
		}
		req.Pagination = &query.PageRequest{Key: r.Pagination.NextKey}
	}
	if pages != 2 {
		t.Errorf("nine subnets took %d pages, want 3", pages+1)
	}
	if _, err := server.Validators(m.Ctx, &types.QueryValidatorsRequest{Pagination: &query.PageRequest{Key: []byte("x")}}); err == nil {
		t.Error("a key that is none was taken")
	}
}
