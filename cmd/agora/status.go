package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"

	"agora/chain/clock"
)

// nodeStatus is what a node says of itself, by the names that CometBFT's own RPC has.
type nodeStatus struct {
	NodeInfo struct {
		ID      string `json:"id"`
		Moniker string `json:"moniker"`
		Network string `json:"network"`
		Version string `json:"version"` // of CometBFT
	} `json:"node_info"`
	SyncInfo struct {
		LatestBlockHeight   int64     `json:"latest_block_height,string"`
		LatestBlockTime     time.Time `json:"latest_block_time"`
		EarliestBlockHeight int64     `json:"earliest_block_height,string"`
		CatchingUp          bool      `json:"catching_up"`
	} `json:"sync_info"`
	ValidatorInfo struct {
		Address     string `json:"address"`
		VotingPower int64  `json:"voting_power,string"`
	} `json:"validator_info"`
	Peers int            `json:"peers"`
	Clock *clock.Reading `json:"clock,omitempty"` // beside its peers'; none of a node before it could tell
}

// statusCommand asks a node how it is: under `agora` the wallet's, under `agora node` the one of --home.
func statusCommand() *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: "status", Short: "Ask a node for its height, peers and vote", Args: cobra.NoArgs,
		Example: "  agora status\n  agora node status --json | grep catching_up",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := client.GetClientContextFromCmd(cmd)
			c, ok := ctx.Client.(*caller)
			if !ok {
				return fmt.Errorf("no node is named: give --node")
			}
			s, err := askNode(cmd.Context(), c.HTTP)
			if err != nil {
				return err
			}
			return out.print(cmd, s, s.text(time.Now()))
		},
	}
	out.flag(cmd)
	if cmd.Flags().Lookup(flags.FlagNode) == nil {
		cmd.Flags().String(flags.FlagNode, "tcp://localhost:26657", "the node's RPC address; config/client.toml's where it is not given")
	}
	return cmd
}

func askNode(ctx context.Context, c *rpchttp.HTTP) (*nodeStatus, error) {
	said, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	s := &nodeStatus{}
	fill(s, said)
	net, err := c.NetInfo(ctx)
	if err != nil {
		return nil, err
	}
	s.Peers = net.NPeers
	s.Clock, err = askClock(ctx, c)
	return s, err
}

// askClock asks a node how its clock is beside its peers'; nil where it is of a program that does not say.
func askClock(ctx context.Context, c *rpchttp.HTTP) (*clock.Reading, error) {
	said, err := c.ABCIQuery(ctx, clock.Query, nil)
	if err != nil || said.Response.Code != 0 {
		return nil, err
	}
	var r clock.Reading
	if err := json.Unmarshal(said.Response.Value, &r); err != nil {
		return nil, fmt.Errorf("the node's clock: %w", err)
	}
	return &r, nil
}

func fill(s *nodeStatus, r *coretypes.ResultStatus) {
	n, y, v := &s.NodeInfo, &s.SyncInfo, &s.ValidatorInfo
	n.ID, n.Moniker, n.Network, n.Version = string(r.NodeInfo.ID()), r.NodeInfo.Moniker, r.NodeInfo.Network, r.NodeInfo.Version
	y.LatestBlockHeight, y.LatestBlockTime = r.SyncInfo.LatestBlockHeight, r.SyncInfo.LatestBlockTime
	y.EarliestBlockHeight, y.CatchingUp = r.SyncInfo.EarliestBlockHeight, r.SyncInfo.CatchingUp
	v.Address, v.VotingPower = r.ValidatorInfo.Address.String(), r.ValidatorInfo.VotingPower
}

func (s *nodeStatus) text(now time.Time) string {
	state := "follows the chain"
	if s.SyncInfo.CatchingUp {
		state = "is catching up"
	}
	vote := "has no vote"
	if s.ValidatorInfo.VotingPower > 0 {
		vote = fmt.Sprintf("votes with a power of %d", s.ValidatorInfo.VotingPower)
	}
	told := ""
	if s.Clock != nil {
		told = s.Clock.String() + "\n"
	}
	return fmt.Sprintf("%s of %s %s, has %d peers and %s\nblock %d, %s ago; the earliest it has is %d\nnode %s, CometBFT %s\n%s",
		s.NodeInfo.Moniker, s.NodeInfo.Network, state, s.Peers, vote,
		s.SyncInfo.LatestBlockHeight, now.Sub(s.SyncInfo.LatestBlockTime).Round(time.Second), s.SyncInfo.EarliestBlockHeight,
		s.NodeInfo.ID, s.NodeInfo.Version, told)
}
