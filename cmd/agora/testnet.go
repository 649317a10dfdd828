package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client/flags"

	"agora/testnet"
)

// testnetCommand writes the homes of a new network.
func testnetCommand() *cobra.Command {
	o := testnet.Defaults()
	var hosts string
	var out output
	cmd := &cobra.Command{
		Use:   "testnet",
		Short: "Write the folders of a network of separate nodes",
		Long: "Writes D/node0, D/node1 and so on, each to be started by `agora node start --home D/node0`, here or on the machine\n" +
			"that --hosts names; D/testnet.json with their addresses; and a test keyring with the accounts.",
		Example: "  agora testnet --n 4 --home /tmp/net --base-port 26600\n" +
			"  agora testnet --n 3 --home /tmp/net3 --hosts 10.0.0.1,10.0.0.2,10.0.0.3",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if hosts != "" {
				o.Hosts = strings.Split(hosts, ",")
			}
			d, err := testnet.Write(o)
			if err != nil {
				return err
			}
			var text strings.Builder
			fmt.Fprintf(&text, "%s: start each node with `agora node start --home HOME`:\n", d.ChainID)
			for i, home := range d.Homes {
				fmt.Fprintf(&text, "  %s  rpc %s\n", home, d.RPC[i])
			}
			return out.print(cmd, d, text.String())
		},
	}
	out.flag(cmd)
	f := cmd.Flags()
	f.StringVar(&o.Home, "home", "", "folder to write to; must be empty or absent")
	f.IntVar(&o.Nodes, "n", o.Nodes, "nodes, 1 to 64, each a validator with the same stake")
	f.StringVar(&hosts, "hosts", "", "address of each node's machine, separated by commas; all on 127.0.0.1 if left out")
	f.IntVar(&o.BasePort, "base-port", o.BasePort, "node i uses five ports from here + 10·i")
	f.StringVar(&o.ChainID, "chain-id", o.ChainID, "name of the network")
	f.DurationVar(&o.BlockTime, "block-time", o.BlockTime, "pause between blocks")
	f.Int64Var(&o.SlashingWindow, "slashing-window", o.SlashingWindow, "blocks; a validator that misses half of them is jailed")
	f.Uint64Var(&o.Snapshots, "snapshots", o.Snapshots, "blocks between two snapshots for nodes that join; 0 makes none")
	return cmd
}

// standardRing says what --keyring-backend of init and join means.
const standardRing = "where `agora tx --home HOME` keeps keys: os, file or test (not encrypted)"

// initCommand writes the home of a new network's first node.
func initCommand(home *string) *cobra.Command {
	var o testnet.InitOptions
	var out output
	cmd := &cobra.Command{
		Use:   "init NAME",
		Short: "Write a node's keys and configuration and the genesis of a new network",
		Long: "Writes keys, configuration and a genesis with the public network's parameters and no account.\n" +
			"`agora node genesis` adds accounts and validators; `agora node join` enters a network that runs.",
		Example: "  agora node init my-node --chain-id agora-1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Home, o.Moniker, o.Start = homeOf(cmd, *home), args[0], time.Now()
			id, err := testnet.Init(o)
			if err != nil {
				return err
			}
			return out.print(cmd, map[string]any{"id": id, "chain_id": o.ChainID, "home": o.Home},
				fmt.Sprintf("node %s of %s in %s\n", id, o.ChainID, o.Home))
		},
	}
	out.flag(cmd)
	f := cmd.Flags()
	f.StringVar(&o.ChainID, flags.FlagChainID, "", "name of the network, for example agora-1")
	f.IntVar(&o.BasePort, "base-port", 0, "first of the node's five ports on 127.0.0.1; 0 takes the usual ones on every address")
	f.StringVar(&o.Keyring, flags.FlagKeyringBackend, "os", standardRing)
	return cmd
}

// joinCommand writes the home of a node that joins a running network.
func joinCommand(home *string) *cobra.Command {
	var o testnet.JoinOptions
	var out output
	var rpc string
	cmd := &cobra.Command{
		Use:   "join NAME",
		Short: "Write the folder of a node that joins a running network",
		Long: "Takes the genesis and a recent header from nodes of the network, which must agree, and writes a folder whose node\n" +
			"starts from a snapshot. Compare the header that it prints with one from a source you trust.",
		Example: "  agora node join my-node --ask http://10.0.0.1:26601,http://10.0.0.2:26611\n  agora node start",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Home, o.Moniker = homeOf(cmd, *home), args[0]
			if rpc != "" {
				o.RPC = strings.Split(rpc, ",")
			}
			j, err := testnet.Join(cmd.Context(), o)
			if err != nil {
				return err
			}
			return out.print(cmd, j, joinedText(j, o.Home))
		},
	}
	out.flag(cmd)
	f := cmd.Flags()
	f.StringVar(&rpc, "ask", "", "nodes to ask, http://host:port separated by commas")
	f.IntVar(&o.BasePort, "base-port", 0, "first of the node's five ports on 127.0.0.1; 0 takes the usual ones on every address")
	f.BoolVar(&o.Replay, "replay", false, "run every block since genesis instead of starting from a snapshot")
	f.StringVar(&o.Keyring, flags.FlagKeyringBackend, "os", standardRing)
	return cmd
}

// joinedText says what to do before the first start, and what if it finds no snapshot.
func joinedText(j *testnet.Joined, home string) string {
	text := fmt.Sprintf("node %s of %s in %s\n", j.ID, j.ChainID, home)
	if j.TrustHeight == 0 {
		return text
	}
	text += fmt.Sprintf("it trusts header %d, hash %s: compare it before you start\n", j.TrustHeight, j.TrustHash)
	if j.TrustHeight < testnet.SnapshotInterval {
		text += fmt.Sprintf("the network is at block %d; nodes make their first snapshot at block %d unless they were told otherwise\n",
			j.TrustHeight, testnet.SnapshotInterval)
	}
	return text + fmt.Sprintf("if the node keeps looking for snapshots and nobody offers one, set enable = false under [statesync]\n"+
		"in %s/config/config.toml: it then runs every block since genesis, as with --replay\n", home)
}

// homeOf is the --home that the command inherits, or standard.
func homeOf(cmd *cobra.Command, standard string) string {
	if dir, err := cmd.Flags().GetString(flags.FlagHome); err == nil && dir != "" {
		return dir
	}
	return standard
}
