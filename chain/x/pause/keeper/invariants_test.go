package keeper_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"

	"agora/chain/x/pause"
	"agora/chain/x/pause/types"
)

// busy is a chain with a pause and two motions, and the state of its module.
func busy(t *testing.T) (*chain, *types.GenesisState) {
	t.Helper()
	c := newChain(t)
	_, b, d := c.operators()
	_, err := c.k.Pause(c.ctx, gov, []string{multi}, 72*hour, "leak")
	c.must(err)
	_, err = c.k.Pause(c.ctx, b, []string{send}, hour, "x")
	c.must(err)
	second, err := c.k.Pause(c.ctx, d, []string{send}, hour, "y")
	c.must(err)
	g, err := c.k.ExportGenesis(c.ctx)
	c.must(err)
	c.must(g.Validate())
	if len(g.Motions) != 2 || second != 2 {
		t.Fatalf("%d motions, the last is %d", len(g.Motions), second)
	}
	return c, g
}

// wrong is damage to a genesis of busy.
var wrong = map[string]func(*chain, *types.GenesisState){
	"gov is paused":          func(_ *chain, g *types.GenesisState) { g.Pauses[0].TypeUrl = "/cosmos.gov.v1.MsgVote" },
	"a pause beyond 72 h":    func(_ *chain, g *types.GenesisState) { g.Pauses[0].Until = g.Pauses[0].Until.Add(time.Second) },
	"a motion of the future": func(_ *chain, g *types.GenesisState) { g.NextMotion = 2 },
	"an endless motion": func(_ *chain, g *types.GenesisState) {
		g.Motions[0].Ends = g.Motions[0].Ends.Add(30 * 24 * time.Hour)
	},
	"a motion for too long":    func(_ *chain, g *types.GenesisState) { g.Motions[0].Seconds = 72*hour + 1 },
	"a motion without a voter": func(_ *chain, g *types.GenesisState) { g.Motions[0].Voters = nil },
	"a mover who did not vote": func(c *chain, g *types.GenesisState) { g.Motions[0].Voters = []string{c.player("a", 0).String()} },
	"a voter who voted twice": func(_ *chain, g *types.GenesisState) {
		g.Motions[0].Voters = append(g.Motions[0].Voters, g.Motions[0].Voters[0])
	},
	"a voter in capitals": func(_ *chain, g *types.GenesisState) {
		g.Motions[0].Voters = append(g.Motions[0].Voters, strings.ToUpper(g.Motions[0].Mover))
	},
	"a mover with two motions": func(_ *chain, g *types.GenesisState) {
		g.Motions[0].Mover, g.Motions[0].Voters = g.Motions[1].Mover, g.Motions[1].Voters
	},
}

func TestInvariantsSeeDamage(t *testing.T) {
	for name, damage := range wrong {
		t.Run(name, func(t *testing.T) {
			c, g := busy(t)
			if which := c.broken(); which != "" {
				t.Fatalf("broken before the damage: %s", which)
			}
			damage(c, g)
			c.must(c.k.InitGenesis(c.ctx, *g))
			if c.broken() == "" {
				t.Error("no invariant is broken")
			}
		})
	}
}

// broken names the first invariant that does not hold.
func (c *chain) broken() string {
	for _, i := range c.k.Invariants() {
		if i.Check(c.ctx) != nil {
			return i.Name
		}
	}
	return ""
}

func TestABrokenGenesisIsRefused(t *testing.T) {
	starts := func(c *chain, g *types.GenesisState) (did bool) {
		defer func() { did = recover() == nil }()
		cdc := moduletestutil.MakeTestEncodingConfig().Codec
		pause.NewAppModule(cdc, c.k).InitGenesis(c.ctx, cdc, cdc.MustMarshalJSON(g))
		return true
	}
	c, g := busy(t)
	if !starts(c, g) {
		t.Fatal("a good one is refused")
	}
	for name, damage := range wrong {
		c, g := busy(t)
		damage(c, g)
		if starts(c, g) {
			t.Errorf("%s: taken", name)
		}
	}
	c, g = busy(t)
	g.Pauses = slices.Concat(g.Pauses, g.Pauses)
	if starts(c, g) {
		t.Error("a pause twice: taken")
	}
}

// A bech32 address can be written in capitals too: that must not be a second voter.
func TestAnAddressInCapitalsIsNoSecondVoter(t *testing.T) {
	c := newChain(t)
	a, b, _ := c.operators()
	paused, err := c.server.Pause(c.ctx, &types.MsgPause{Sender: a, TypeUrls: []string{send}, Seconds: hour, Reason: "leak"})
	c.must(err)
	for _, operator := range []string{strings.ToUpper(a), strings.ToUpper(b)} {
		_, err = c.server.Vote(c.ctx, &types.MsgVote{Operator: operator, Motion: paused.Motion})
		c.refuses(err, types.ErrInvalid)
	}
	_, err = c.server.Pause(c.ctx, &types.MsgPause{Sender: strings.ToUpper(b), TypeUrls: []string{send}, Seconds: hour, Reason: "leak"})
	c.refuses(err, types.ErrInvalid)
	c.stopped(false)
}
