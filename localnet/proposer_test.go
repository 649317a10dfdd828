package localnet

import (
	"context"
	"maps"
	"slices"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx"

	yumatypes "agora/chain/x/yuma/types"
)

// waiting is an application that proposes all that is offered.
type waiting struct{ abci.Application }

func (waiting) PrepareProposal(_ context.Context, req *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	return &abci.ResponsePrepareProposal{Txs: req.Txs}, nil
}

// signed is a transaction of a key, whose signature nobody looks at.
func signed(t *testing.T, key string, msgs ...sdk.Msg) []byte {
	t.Helper()
	var body tx.TxBody
	for _, m := range msgs {
		packed, err := codectypes.NewAnyWithValue(m)
		if err != nil {
			t.Fatal(err)
		}
		body.Messages = append(body.Messages, packed)
	}
	auth := tx.AuthInfo{SignerInfos: []*tx.SignerInfo{{PublicKey: &codectypes.Any{Value: []byte(key)}}}}
	whole := tx.TxRaw{BodyBytes: must(t)(body.Marshal()), AuthInfoBytes: must(t)(auth.Marshal())}
	return must(t)(whole.Marshal())
}

func must(t *testing.T) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func reveal(netuid uint32, account string, salt byte) *yumatypes.MsgRevealWeights {
	return &yumatypes.MsgRevealWeights{HotAccount: account, Netuid: netuid, Salt: []byte{salt}}
}

// A proposer leaves the reveals of one market out, and what the same key sent after them; all else it proposes, and everything once that ends.
func TestAProposerLeavesRevealsOut(t *testing.T) {
	txs := [][]byte{
		signed(t, "a", reveal(4, "a", 1)),
		signed(t, "b", reveal(3, "b", 2)),
		signed(t, "own", reveal(4, "own", 3)),
		signed(t, "a", &yumatypes.MsgCommitWeights{Netuid: 3}),
		signed(t, "c", &yumatypes.MsgCommitWeights{Netuid: 4}, reveal(4, "c", 5)),
		[]byte("no transaction"),
	}
	p := &proposer{Application: waiting{}}
	propose := func(height int64) [][]byte {
		resp, err := p.PrepareProposal(t.Context(), &abci.RequestPrepareProposal{Txs: txs, Height: height})
		if err != nil {
			t.Fatal(err)
		}
		return resp.Txs
	}
	if got := propose(6); len(got) != len(txs) {
		t.Fatalf("%d of %d are proposed by one who was told nothing", len(got), len(txs))
	}
	p.leaveOut(4, "own", 7)
	want := [][]byte{txs[1], txs[2], txs[5]}
	for range 2 { // a block may be proposed again
		if got := propose(7); !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("proposed are %q, want %q", got, want)
		}
	}
	if got := propose(8); len(got) != len(txs) {
		t.Fatalf("%d of %d are proposed in the next block", len(got), len(txs))
	}
	if got, want := p.leftOut(), map[string]int64{"01": 7, "05": 7}; !maps.Equal(got, want) {
		t.Errorf("left out %v, want %v", got, want)
	}
	p.leaveOut(0, "", 7)
	if got := propose(7); len(got) != len(txs) {
		t.Errorf("%d of %d are proposed after the end", len(got), len(txs))
	}
}

// A reveal that was left out must be among its tempo's, unless it came for the last block alone.
func TestWhatWasLeftOutComesLater(t *testing.T) {
	s := yumatypes.Schedule{RevealFrom: 15, RevealUntil: 18}
	rows := []yumatypes.Row{{Salt: []byte{1}}, {Salt: []byte{2}}}
	c := choice{}
	left := map[string]int64{"01": 15, "02": 18, "03": 18, "04": 14, "05": 19}
	if err := c.count(s, left, rows); err != nil || c.left != 2 || c.late != 1 {
		t.Errorf("%d came later and %d too late, %v; want 2, 1 and no error", c.left, c.late, err)
	}
	if err := (&choice{}).count(s, map[string]int64{"03": 17}, rows); err == nil {
		t.Error("a reveal that a proposer kept out is no error")
	}
}
