package main

import (
	"fmt"

	"github.com/spf13/cobra"

	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
)

// servingMechanism is that of markets that examine nothing.
const servingMechanism = "serve"

// serving is what a market of named models serves.
type serving struct {
	digests []string
	commons bool
}

// serve opens a market of named models.
func (p *publishing) serve(cmd *cobra.Command, name string, market serving) error {
	served := make([]modeltypes.Served, len(market.digests))
	for i, digest := range market.digests {
		served[i] = modeltypes.Served{Digest: digest, Part: 1}
	}
	if err := modeltypes.CheckServed(served); err != nil {
		return usageError{err}
	}
	p.settle("owner")
	c, err := client.Dial(p.node)
	if err != nil {
		return err
	}
	cold, err := p.cold(cmd, c)
	if err != nil {
		return err
	}
	queue, lock := c.Queue(cold), p.maxLock
	if lock == 0 {
		prices, err := c.Prices(cmd.Context(), 0)
		if err != nil {
			return err
		}
		lock = prices.Create
	}
	if ok, err := p.confirmed(cmd, fmt.Sprintf("subnet %s serves %d models; it locks at most %s\n", name, len(served), tao(lock))); !ok {
		return err
	}
	result, err := queue.Send(cmd.Context(), &subnettypes.MsgCreateSubnet{
		Sender: queue.Address(), Name: name, Mechanism: subnettypes.Mechanism{Id: servingMechanism}, MaxLock: lock,
	})
	if err != nil {
		return fmt.Errorf("create the subnet: %w", err)
	}
	for _, r := range result.Responses {
		if made, ok := r.(*subnettypes.MsgCreateSubnetResponse); ok {
			return p.furnish(cmd, queue, name, made.Netuid, served, market)
		}
	}
	return fmt.Errorf("create the subnet: the chain's answer holds no netuid")
}

// furnish opens the new subnet's models and names those that it serves.
func (p *publishing) furnish(cmd *cobra.Command, queue *client.Queue, name string, netuid uint32, served []modeltypes.Served, market serving) error {
	owner := queue.Address()
	open := &subnettypes.MsgSetParameter{Sender: owner, Netuid: netuid, Name: subnettypes.Openness, Value: 1}
	if _, err := queue.Send(cmd.Context(), open, &modeltypes.MsgSetServed{Sender: owner, Netuid: netuid, Served: served}); err != nil {
		return fmt.Errorf("subnet %d is yours, but empty: %w", netuid, err)
	}
	if market.commons {
		if _, err := queue.Send(cmd.Context(), &modeltypes.MsgListCommons{Sender: owner, Netuid: netuid, Digests: market.digests}); err != nil {
			return fmt.Errorf("subnet %d is yours, but its commons are not listed: %w", netuid, err)
		}
	}
	return p.print(cmd, map[string]any{"netuid": netuid, "name": name, "served": market.digests},
		fmt.Sprintf("subnet %d, %s, serves %d models once they are published in it: agora model publish FILE --subnet %d\n"+
			"then start it: agora tx subnet start %d --from %s\n", netuid, name, len(served), netuid, netuid, p.from))
}
