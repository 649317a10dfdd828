package keeper_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"

	"agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/yumatest"
)

// A root vote looks for a permitted voice in all subnets. At worst there are 128 of 64 better voices each, and only the
// last permits one more.
func TestARootVoteFitsABlockInAFullNetwork(t *testing.T) {
	const subnets, voices, most = 128, 65, 10_000_000
	m := yumatest.New(t)
	last := subnettypes.SubnetValue{Netuid: subnets, Value: subnettypes.Value{Name: subnettypes.MaxVoices, Value: voices}}
	operators := make([]string, voices)
	for i := range operators {
		name := fmt.Sprint("val", i)
		m.Validate(name, uint64(2_000-i)*tao)
		operators[i] = yumatest.Address(name).String()
	}
	m.Must(m.Subnet.InitGenesis(m.Ctx, fullNetwork(subnets, operators)))
	m.Commit() // what is not in the trees yet is sorted for every look at a range of it

	voter := operators[voices-1] // the least stake
	m.Refuses(m.Emission.SetRootWeights(m.Ctx, voter, []uint32{1}, []uint32{1}), types.ErrNoVoice)
	m.Must(m.Subnet.InitGenesis(m.Ctx, subnettypes.GenesisState{
		Params: subnettypes.DefaultGenesis().Params, Values: []subnettypes.SubnetValue{last},
	}))
	ctx := m.Ctx.WithGasMeter(storetypes.NewInfiniteGasMeter())
	m.Must(m.Emission.SetRootWeights(ctx, voter, []uint32{1}, []uint32{1}))
	if gas := ctx.GasMeter().GasConsumed(); gas > most {
		t.Errorf("%d gas, want at most %d", gas, most)
	}
}

func TestWhoMayVoteIsWhoHasAPermittedVoiceSomewhere(t *testing.T) {
	m := yumatest.New(t)
	netuids := []uint32{m.Open("owner0", "first"), m.Open("owner1", "second"), m.Open("owner2", "third")}
	stakes := slices.Concat(slices.Repeat([]uint64{950}, 14), []uint64{900, 900, 500, 300, 200, 100, 9, 1})
	for i, stake := range stakes {
		name := fmt.Sprint("val", i)
		m.Validate(name, stake*tao)
		for j, netuid := range netuids {
			if (i+j)%3 > 0 {
				m.SpeakAs(name, fmt.Sprint(name, "/", netuid), netuid)
			}
		}
	}
	for most := int64(16); most < 20; most++ {
		for _, netuid := range netuids {
			m.Govern(netuid, subnettypes.MaxVoices, most)
		}
		m.Jail(fmt.Sprint("val", most-3))
		for i := range stakes {
			operator := yumatest.Address(fmt.Sprint("val", i)).String()
			want := false
			for _, netuid := range netuids {
				voices, err := m.Subnet.Voices(m.Ctx, netuid)
				m.Must(err)
				for _, v := range voices {
					want = want || v.Permitted && v.Voice.Operator == operator
				}
			}
			got, err := m.Subnet.IsPermitted(m.Ctx, operator)
			m.Must(err)
			if got != want {
				t.Errorf("%d voices: val%d is permitted %v, want %v", most, i, got, want)
			}
		}
	}
}

// fullNetwork is subnets in each of which every operator has a voice.
func fullNetwork(subnets int, operators []string) subnettypes.GenesisState {
	g := *subnettypes.DefaultGenesis()
	for n := range subnets {
		netuid := uint32(n + 1)
		g.Subnets = append(g.Subnets, subnettypes.Subnet{
			Netuid: netuid, Name: fmt.Sprint("s", netuid), Owner: operators[0], Size_: uint32(len(operators)),
		})
		for uid, operator := range operators {
			key := sha256.Sum256([]byte(operator))
			g.Neurons = append(g.Neurons, subnettypes.Neuron{Netuid: netuid, Uid: uint32(uid), HotKey: key[:], Owner: operator})
			g.Voices = append(g.Voices, subnettypes.Voice{Netuid: netuid, Uid: uint32(uid), Operator: operator})
		}
	}
	return g
}
