package daemon

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"time"

	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
)

// Join is an operator's policy on subnets that are new: he takes a voice in each that is judged here, once the directory says where
// miners find him. The zero value takes none.
type Join struct {
	Signer   client.Signer // of the operator; nil joins nothing
	MaxPrice uint64        // rao that a registration may cost; 0 joins nothing
}

const (
	// JoinEvery is the time between two looks without an event.
	JoinEvery = 30 * time.Second

	proofLife = 100 // blocks that a registration may take
)

// joinAll takes a voice in each subnet that is judged here and has none of the operator, until ctx ends.
func (d *Daemon) joinAll(ctx context.Context) {
	look := time.NewTicker(JoinEvery)
	defer look.Stop()
	refused := map[uint32]bool{} // that were told of already
	for {
		for _, s := range d.judge.Status() {
			if s.Voice >= 0 || ctx.Err() != nil {
				continue
			}
			done, err := d.join(ctx, s.NetUID)
			switch {
			case err != nil && ctx.Err() == nil && !refused[s.NetUID]:
				d.cfg.Log.Warn("no voice was taken in a subnet that is judged here", "netuid", s.NetUID, "err", err)
				refused[s.NetUID] = true
			case done:
				d.cfg.Log.Info("took a voice", "netuid", s.NetUID, "name", s.Name)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-d.joinNow:
		}
	}
}

// wake makes joinAll look.
func (d *Daemon) wake() {
	select {
	case d.joinNow <- struct{}{}:
	default:
	}
}

// join registers the hot key in a subnet and names it as the operator's voice; false where that was done before.
func (d *Daemon) join(ctx context.Context, netuid uint32) (bool, error) {
	voices, err := d.cfg.Client.Voices(ctx, netuid)
	if err != nil {
		return false, err
	}
	for _, v := range voices {
		if v.Voice.Operator == d.cfg.Operator {
			return false, nil
		}
	}
	found, err := d.listed(ctx)
	if err != nil || !found {
		return false, err
	}
	uid, there, err := d.registered(ctx, netuid)
	if err != nil {
		return false, err
	}
	queue := d.cfg.Client.Queue(d.cfg.Join.Signer)
	if !there {
		if err := d.register(ctx, queue, netuid); err != nil {
			return false, err
		}
		if uid, there, err = d.registered(ctx, netuid); err != nil || !there {
			return false, err // a bid waits
		}
	}
	if _, err := queue.Send(ctx, &subnettypes.MsgSetVoice{Operator: queue.Address(), Netuid: netuid, Uid: uid}); err != nil {
		return false, fmt.Errorf("name the voice: %w", err)
	}
	return true, nil
}

// listed says whether the directory tells where miners find this validator.
func (d *Daemon) listed(ctx context.Context) (bool, error) {
	profiles, err := d.cfg.Client.Profiles(ctx)
	for _, p := range profiles {
		if p.Operator == d.cfg.Operator && len(p.Addresses) > 0 {
			return true, err
		}
	}
	return false, err
}

// registered finds the hot key's neuron.
func (d *Daemon) registered(ctx context.Context, netuid uint32) (uid uint32, there bool, err error) {
	neurons, err := d.cfg.Client.Neurons(ctx, netuid)
	key := d.cfg.HotKey.Public().(ed25519.PublicKey)
	for _, n := range neurons {
		if key.Equal(ed25519.PublicKey(n.HotKey)) {
			return n.Uid, true, err
		}
	}
	return 0, false, err
}

// register burns the subnet's price, at most Join.MaxPrice, for a place; in a full subnet it bids.
func (d *Daemon) register(ctx context.Context, queue *client.Queue, netuid uint32) error {
	bids, err := d.cfg.Client.Bids(ctx, netuid)
	key := d.cfg.HotKey.Public().(ed25519.PublicKey)
	for _, b := range bids {
		if key.Equal(ed25519.PublicKey(b.HotKey)) {
			return nil
		}
	}
	if err != nil {
		return err
	}
	prices, err := d.cfg.Client.Prices(ctx, netuid)
	if err != nil {
		return err
	}
	if prices.Register > d.cfg.Join.MaxPrice {
		return fmt.Errorf("registering costs %d rao now, above the %d of --join-price", prices.Register, d.cfg.Join.MaxPrice)
	}
	height, err := d.cfg.Client.Height(ctx)
	if err != nil {
		return err
	}
	expiry := height + proofLife
	_, err = queue.Send(ctx, &subnettypes.MsgRegister{
		Owner: queue.Address(), Netuid: netuid, HotKey: key, ProofExpiry: expiry, MaxPrice: d.cfg.Join.MaxPrice,
		Proof: subnettypes.SignProof(d.cfg.HotKey, d.cfg.Client.ChainID(), netuid, queue.Address(), expiry),
	})
	return err
}
