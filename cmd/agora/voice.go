package main

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/spf13/cobra"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/miner/enrolment"
)

// speaking is what `agora validator voice` is asked to do.
type speaking struct {
	role
	output
	subnet  uint32
	address string
	gateway string
	markup  uint32 // basis points above the miners' prices
}

// voiceCommand gives a validator its say in a subnet and its place in the directory.
func voiceCommand() *cobra.Command {
	var s speaking
	cmd := &cobra.Command{
		Use:   "voice",
		Short: "Register a voice in a subnet and publish where miners and consumers find it",
		Example: "  agora validator voice --from operator --subnet 1 --address validator.example:7070 \\\n" +
			"    --gateway https://validator.example/v1",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.settle("validator")
			c, err := client.Dial(s.node)
			if err != nil {
				return err
			}
			cold, err := s.cold(cmd, c)
			if err != nil {
				return err
			}
			hot, err := s.hot(cmd)
			if err != nil {
				return err
			}
			return s.speak(cmd, c, cold, hot)
		},
	}
	s.flags(cmd, "validator")
	s.flag(cmd)
	f := cmd.Flags()
	f.Uint32Var(&s.subnet, "subnet", 1, "netuid to judge")
	f.StringVar(&s.address, "address", "", "host:port that miners dial; without it the directory stays as it is")
	f.StringVar(&s.gateway, "gateway", "", "base URL that consumers ask")
	f.Uint32Var(&s.markup, "markup", 0, "what you add to the miners' prices, in basis points (500 is 5 %)")
	return cmd
}

func (s *speaking) speak(cmd *cobra.Command, c *client.Client, cold client.Signer, hot ed25519.PrivateKey) error {
	ctx := cmd.Context()
	r, err := enrolment.Enrol(ctx, c, enrolment.Request{NetUID: s.subnet, Hot: hot, Owner: cold, MaxPrice: 10 * network.TAO, Waiting: waiting(cmd, s.subnet)})
	if err != nil {
		return err
	}
	queue := c.Queue(cold)
	if err := s.setVoice(ctx, c, queue, r.UID); err != nil {
		return err
	}
	if s.address != "" {
		msg := &subnettypes.MsgSetProfile{Operator: queue.Address(), Addresses: []string{s.address}, GatewayUrl: s.gateway, MarkupBps: s.markup}
		if _, err := queue.Send(ctx, msg); err != nil {
			return fmt.Errorf("publish the profile: %w", err)
		}
	}
	return s.print(cmd, map[string]any{"netuid": s.subnet, "uid": r.UID, "operator": queue.Address(), "price_rao": r.Price},
		fmt.Sprintf("uid %d speaks for %s in subnet %d\n", r.UID, queue.Address(), s.subnet))
}

// setVoice names uid as the voice unless it is already.
func (s *speaking) setVoice(ctx context.Context, c *client.Client, queue *client.Queue, uid uint32) error {
	voices, err := c.Voices(ctx, s.subnet)
	if err != nil {
		return err
	}
	for _, v := range voices {
		if v.Voice.Operator == queue.Address() && v.Voice.Uid == uid {
			return nil
		}
	}
	if _, err := queue.Send(ctx, &subnettypes.MsgSetVoice{Operator: queue.Address(), Netuid: s.subnet, Uid: uid}); err != nil {
		return fmt.Errorf("name the voice: %w", err)
	}
	return nil
}
