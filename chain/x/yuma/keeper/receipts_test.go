package keeper_test

import (
	"crypto/ed25519"
	"slices"
	"testing"

	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
	"agora/wire/receipt"
)

// receipts is an open subnet in which voice a committed to a sheet of 512 receipts of its only server, of which four are to be opened now.
func receipts(t *testing.T, spoil func(*receipt.Receipt)) (*yumatest.Market, *types.MsgRevealWeights) {
	m, netuid := seeded(t)
	m.Govern(netuid, subnettypes.EvidenceLeaves, 4)
	m.NextTempo(netuid)
	epoch := m.Schedule(netuid).Epoch
	server, err := m.Subnet.Neuron(m.Ctx, netuid, 2)
	m.Must(err)
	voice := yumatest.Public(yumatest.HotKey("a"))
	var all []types.Leaf
	for n := range 512 {
		r := receipt.Receipt{
			ChainID: yumatest.ChainID, Netuid: netuid, UID: 2, Registered: uint64(server.Registered), Voice: [32]byte(voice),
			Request: [32]byte{byte(n), byte(n >> 8)}, Digest: [32]byte{1}, Engine: "native", Version: "1", Prompt: 40, Completion: 20,
		}
		copy(r.Nonce[:], seedOf(m, netuid, epoch-uint64(n%2)).Seed[:8])
		spoil(&r)
		text, err := r.Append(nil)
		m.Must(err)
		all = append(all, types.Leaf{Uid: 2, Item: r.Request[:], Answer: text, Signature: ed25519.Sign(yumatest.HotKey("miner0"), text)})
	}
	sheet := types.NewSheet(all)
	root := types.EvidenceRoot(sheet)
	uids, weights := []uint32{2}, []uint32{1}
	hash := types.CommitHash(yumatest.ChainID, netuid, epoch, voice, uids, weights, yumatest.Salt)
	m.NextBlock()
	m.Must(m.Yuma.Commit(m.Ctx, yumatest.HotAccount("a"), netuid, epoch, hash[:], root[:]))
	m.NextBlock()
	seed := m.Ctx.HeaderHash()
	m.NextTempo(netuid)
	m.Until(m.Schedule(netuid).RevealFrom)
	msg := &types.MsgRevealWeights{
		HotAccount: yumatest.HotAccount("a"), Netuid: netuid, Epoch: epoch, Uids: uids, Weights: weights, Salt: yumatest.Salt, Sheet: &sheet,
	}
	for _, index := range sheet.Choose(seed, hash[:], uids, weights, 4) {
		msg.Leaves = append(msg.Leaves, all[index])
	}
	return m, msg
}

// gasPerByte is what a transaction's bytes cost (x/auth's default).
const gasPerByte = 10

func TestFourReceiptsAreLeavesFor60000Gas(t *testing.T) {
	m, msg := receipts(t, func(*receipt.Receipt) {})
	bare := *msg
	bare.Leaves, bare.Sheet = nil, nil
	meter := storetypes.NewInfiniteGasMeter()
	m.Must(m.Try(func(ctx sdk.Context) error {
		return m.Yuma.Reveal(subnettypes.WithSlotsTaken(ctx.WithGasMeter(meter)), msg)
	}))
	gas, bytes := meter.GasConsumed(), msg.Size()-bare.Size()
	t.Logf("the reveal takes %d gas, its four receipts and the sheet %d bytes, %d gas", gas, bytes, gasPerByte*bytes)
	if total := int(gas) + gasPerByte*bytes; total > 60_000 {
		t.Errorf("%d gas", total)
	}
}

func TestAReceiptOfAnotherIsNoLeaf(t *testing.T) {
	for name, spoil := range map[string]func(*receipt.Receipt){
		"chain":  func(r *receipt.Receipt) { r.ChainID = "other" },
		"netuid": func(r *receipt.Receipt) { r.Netuid++ },
		"uid":    func(r *receipt.Receipt) { r.UID++ },
		"seat":   func(r *receipt.Receipt) { r.Registered++ },
		"voice":  func(r *receipt.Receipt) { r.Voice[0]++ },
		"tempo":  func(r *receipt.Receipt) { r.Nonce[0]++ },
	} {
		m, msg := receipts(t, spoil)
		if err := reveal(m, msg); err == nil {
			t.Errorf("another %s: taken", name)
		}
	}
	m, msg := receipts(t, func(*receipt.Receipt) {})
	good := slices.Clone(msg.Leaves)
	for name, spoil := range map[string]func(l *types.Leaf){
		"unsigned":     func(l *types.Leaf) { l.Signature = make([]byte, 64) },
		"cut":          func(l *types.Leaf) { l.Answer = l.Answer[:len(l.Answer)-1] },
		"too long":     func(l *types.Leaf) { l.Answer = append(slices.Clone(l.Answer), make([]byte, 400)...) },
		"another item": func(l *types.Leaf) { l.Item = make([]byte, 32) },
	} {
		msg.Leaves = slices.Clone(good)
		spoil(&msg.Leaves[1])
		if err := reveal(m, msg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	msg.Leaves = good
	m.Must(reveal(m, msg))
}
