package app_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	"agora/scenario"
)

// TestAnUpgradedChainTakesTasks lets the people of each earlier version's chain open a market for a module after the upgrade, and
// change it. The genesis of the first two does not say how long a task waits: the default holds. What waits is in the export, and a chain
// that begins with it puts the task in force as the running one does.
func TestAnUpgradedChainTakesTasks(t *testing.T) {
	for _, from := range []before{beforeV2, beforeV3, beforeV4} {
		t.Run(from.plan, func(t *testing.T) {
			o := upgradedChain(t, from)
			netuid := o.opensTask()
			from := o.changesTask(netuid)
			for _, c := range []*oldChain{o.heir(), o} {
				c.follows(netuid, from)
				if err := c.world.App.CheckInvariants(c.world.Ctx()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// oldChain is a chain that an earlier version began; its people sign as those of a world.
type oldChain struct {
	t     *testing.T
	world *scenario.World
}

func upgradedChain(t *testing.T, from before) *oldChain {
	t.Helper()
	a, state := takeOver(t, from)
	o := &oldChain{t, scenario.On(a)}
	o.world.Now = runBlocks(t, a, state, 5)
	o.world.Height = a.LastBlockHeight()
	return o
}

// block makes one block, so much later than the last.
func (o *oldChain) block(later time.Duration, txs ...[]byte) []*abci.ExecTxResult {
	o.t.Helper()
	w := o.world
	hash := sha256.Sum256(fmt.Appendf(nil, "block %d", w.Height+1))
	res, err := w.App.FinalizeBlock(&abci.RequestFinalizeBlock{Height: w.Height + 1, Time: w.Now.Add(later), Hash: hash[:], Txs: txs})
	if err == nil {
		_, err = w.App.Commit()
	}
	if err != nil {
		o.t.Fatalf("block %d: %v", w.Height+1, err)
	}
	w.Height, w.Now = w.Height+1, w.Now.Add(later)
	return res.TxResults
}

// sends has somebody's message in a block of its own, and returns why it was refused, if it was.
func (o *oldChain) sends(who string, msg sdk.Msg) string {
	o.t.Helper()
	w := scenario.On(o.world.App) // it counts what was signed for one block
	w.Height, w.Now = o.world.Height, o.world.Now
	raw, err := w.Sign(scenario.Cold(who), scenario.Gas, scenario.Fee, msg)
	if err != nil {
		o.t.Fatal(err)
	}
	res := o.block(scenario.BlockTime, raw)[0]
	if res.Code == 0 {
		return ""
	}
	return res.Log
}

func (o *oldChain) done(who string, msg sdk.Msg) {
	o.t.Helper()
	if refused := o.sends(who, msg); refused != "" {
		o.t.Fatalf("%T of %s: %s", msg, who, refused)
	}
}

func taskOf(program string) subnettypes.Mechanism {
	return subnettypes.Mechanism{Id: subnettypes.TaskModule, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(program)))}
}

// opensTask lets bob, to whom carol gives what the lock needs, open and start a market for a module.
func (o *oldChain) opensTask() uint32 {
	o.t.Helper()
	old := o.subnet(1)
	if refused := o.sends("olga", &subnettypes.MsgDescribeSubnet{Sender: old.Owner, Netuid: 1, Mechanism: taskOf("first"), Identity: old.Identity}); !strings.Contains(refused, "which stays") {
		o.t.Fatalf("what judges %s was changed: %q", old.Name, refused)
	}
	bob, carol := scenario.Account("bob"), scenario.Account("carol")
	o.done("carol", &banktypes.MsgSend{FromAddress: carol.String(), ToAddress: bob.String(), Amount: network.Coins(600 * network.TAO)})
	o.done("bob", &subnettypes.MsgCreateSubnet{Sender: bob.String(), Name: "rivers", Mechanism: taskOf("first"), MaxLock: 1_500 * network.TAO})
	const netuid = 4
	o.done("bob", &subnettypes.MsgStartSubnet{Owner: bob.String(), Netuid: netuid})
	if s := o.subnet(netuid); s.Mechanism != taskOf("first") || !s.Started {
		o.t.Fatalf("%+v", s)
	}
	return netuid
}

// changesTask announces another module, which waits for seven days, and returns when they are over.
func (o *oldChain) changesTask(netuid uint32) time.Time {
	o.t.Helper()
	o.done("bob", &subnettypes.MsgDescribeSubnet{Sender: scenario.Account("bob").String(), Netuid: netuid, Mechanism: taskOf("second")})
	want := o.world.Now.Add(7 * 24 * time.Hour)
	if s := o.subnet(netuid); s.Mechanism != taskOf("first") || s.Next == nil || s.Next.Mechanism != taskOf("second") || !s.Next.From.Equal(want) {
		o.t.Fatalf("%+v, want the second task to wait until %s", s, want)
	}
	return want
}

// heir is a chain that begins with this one's export.
func (o *oldChain) heir() *oldChain {
	o.t.Helper()
	heir := &oldChain{o.t, scenario.On(begun(o.t, o.world))}
	heir.world.Height, heir.world.Now = o.world.Height, o.world.Now
	heir.block(scenario.BlockTime)
	return heir
}

// follows holds a chain to the first module until a tempo begins after the wait, and to the second then.
func (o *oldChain) follows(netuid uint32, from time.Time) {
	o.t.Helper()
	tempo := int64(o.subnet(netuid).Tempo)
	o.block(from.Sub(o.world.Now) - time.Hour)
	for range tempo + 1 {
		o.block(scenario.BlockTime)
	}
	if s := o.subnet(netuid); s.Mechanism != taskOf("first") || s.Next == nil {
		o.t.Fatalf("an hour before the wait is over: %+v", s)
	}
	o.block(from.Sub(o.world.Now) + time.Minute)
	for range tempo + 1 {
		o.block(scenario.BlockTime)
	}
	if s := o.subnet(netuid); s.Mechanism != taskOf("second") || s.Next != nil {
		o.t.Fatalf("a tempo after the wait: %+v", s)
	}
}

func (o *oldChain) subnet(netuid uint32) subnettypes.Subnet {
	o.t.Helper()
	s, err := o.world.App.Subnet.Subnet(o.world.Ctx(), netuid)
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}
