// Package enrolment takes a miner's place in a subnet: it registers the hot key, publishes the model card and finds the
// validators to dial.
package enrolment

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/engine"
	"agora/miner"
)

// proofLife is how many blocks a registration may take to get into one.
const proofLife = 100

// Request says who wants which place.
type Request struct {
	NetUID   uint32
	Hot      ed25519.PrivateKey
	Owner    client.Signer         // cold key that pays the price and is paid
	MaxPrice uint64                // rao; the registration is refused above it, and in a full subnet this is the bid
	Card     subnettypes.ModelCard // published after registering; without a name there is none, as for a validator's voice
	Replace  bool                  // publish Card although the place holds one of another model
	Before   func() error          // asked before a price is paid, an error of it ends the enrolment; may be nil
	Waiting  func(bid uint64)      // told of a bid (rao) that waits for the end of the tempo; may be nil
}

// Result is the place taken.
type Result struct {
	UID        uint32
	Registered uint64 // block at which it was taken
	Price      uint64 // rao burned now, where the subnet is full at most so many; 0 if the place was held before
}

// pollBids is the time between two looks at a bid that waits.
const pollBids = 2 * time.Second

// ErrTooDear says that a registration costs more than the miner is ready to pay.
var ErrTooDear = errors.New("registration costs more than the limit")

// ErrOtherModel says that the hot key's place is another model's.
var ErrOtherModel = errors.New("this hot key's place is another model's")

// ErrOutbid says that the bid for a seat of a full subnet was not among the highest; it was paid back.
var ErrOutbid = errors.New("outbid")

// ErrUnlisted says that a subnet of open models does not list the card's.
var ErrUnlisted = errors.New("this subnet of open models does not list the model")

// Enrol registers the hot key unless it is registered, then publishes the card unless it is published. In a full subnet a
// registration is a bid: Enrol waits until the seats change hands after the epoch, and a bid that got none is ErrOutbid. A
// hot key that another owner holds is an error of the chain; a price above MaxPrice is ErrTooDear. The card of another model
// stays as it is, with ErrOtherModel, unless Replace is set: consumers ask for a model by its card's name. What the chain would not
// take for a card is ErrUnlisted before anything is paid.
func Enrol(ctx context.Context, c *client.Client, r Request) (Result, error) {
	have, found, err := find(ctx, c, r.NetUID, public(r.Hot))
	if err != nil {
		return Result{}, err
	}
	res := Result{UID: have.Uid, Registered: uint64(have.Registered)}
	if named := have.Card != nil && have.Card.Name != "" && r.Card.Name != ""; named && have.Card.Name != r.Card.Name && !r.Replace {
		return res, fmt.Errorf("%w: uid %d of subnet %d serves %q, not %q: give --hot-key FILE for a place of its own, or --replace-card to rename this one",
			ErrOtherModel, have.Uid, r.NetUID, have.Card.Name, r.Card.Name)
	}
	if err := listed(ctx, c, r); err != nil {
		return res, err
	}
	if !found {
		if res, err = register(ctx, c, r); err != nil {
			return res, err
		}
		taken, _, err := find(ctx, c, r.NetUID, public(r.Hot))
		if err != nil {
			return res, err
		}
		res.Registered = uint64(taken.Registered)
	}
	if r.Card.Name == "" || have.Card != nil && *have.Card == r.Card {
		return res, nil
	}
	msg := &subnettypes.MsgSetModel{HotAccount: subnettypes.HotAccount(public(r.Hot)).String(), Netuid: r.NetUID, Card: r.Card}
	if _, err := c.Queue(client.HotSigner(r.Hot)).Send(ctx, msg); err != nil {
		return res, fmt.Errorf("publish the model card: %w", err)
	}
	return res, nil
}

// listed says whether the chain takes the card: in an open subnet it names a listed model.
func listed(ctx context.Context, c *client.Client, r Request) error {
	if r.Card.Name == "" {
		return nil
	}
	parameters, err := c.Parameters(ctx, r.NetUID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(parameters, func(p subnettypes.Parameter) bool { return p.Name == subnettypes.Openness && p.Value > 0 }) {
		return nil
	}
	unlisted := func(named string) error {
		return fmt.Errorf("%w: subnet %d, %s; nothing was paid. `agora model list --subnet %d` shows what can be served, `agora model publish FILE --subnet %d` adds to it",
			ErrUnlisted, r.NetUID, named, r.NetUID, r.NetUID)
	}
	if r.Card.Digest == "" {
		return unlisted("where a card must name weights by a digest")
	}
	_, err = c.Model(ctx, r.NetUID, r.Card.Digest)
	if errors.Is(err, client.ErrNotFound) {
		return unlisted(r.Card.Digest)
	}
	return err
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func find(ctx context.Context, c *client.Client, netuid uint32, key ed25519.PublicKey) (subnettypes.Neuron, bool, error) {
	neurons, err := c.Neurons(ctx, netuid)
	if err != nil {
		return subnettypes.Neuron{}, false, err
	}
	for _, n := range neurons {
		if key.Equal(ed25519.PublicKey(n.HotKey)) {
			return n, true, nil
		}
	}
	return subnettypes.Neuron{}, false, nil
}

func register(ctx context.Context, c *client.Client, r Request) (Result, error) {
	if bid, waits, err := bidOf(ctx, c, r); err != nil || waits {
		return awaitSeat(ctx, c, r, bid, err)
	}
	prices, err := c.Prices(ctx, r.NetUID)
	if err != nil {
		return Result{}, err
	}
	if prices.Register > r.MaxPrice {
		return Result{}, fmt.Errorf("%w: subnet %d asks %d rao, the limit is %d rao; raise --max-price or wait, the price halves with every tempo",
			ErrTooDear, r.NetUID, prices.Register, r.MaxPrice)
	}
	if r.Before != nil {
		if err := r.Before(); err != nil {
			return Result{}, err
		}
	}
	height, err := c.Height(ctx)
	if err != nil {
		return Result{}, err
	}
	queue := c.Queue(r.Owner)
	expiry := height + proofLife
	done, err := queue.Send(ctx, &subnettypes.MsgRegister{
		Owner: queue.Address(), Netuid: r.NetUID, HotKey: public(r.Hot), ProofExpiry: expiry, MaxPrice: r.MaxPrice,
		Proof: subnettypes.SignProof(r.Hot, c.ChainID(), r.NetUID, queue.Address(), expiry),
	})
	if err != nil {
		return Result{}, fmt.Errorf("register in subnet %d: %w", r.NetUID, err)
	}
	for _, response := range done.Responses {
		if m, ok := response.(*subnettypes.MsgRegisterResponse); ok && m.Bid {
			return awaitSeat(ctx, c, r, m.Price, nil)
		} else if ok {
			return Result{UID: m.Uid, Price: m.Price}, nil
		}
	}
	return Result{}, errors.New("register: the chain's answer holds no uid")
}

// bidOf finds the hot key's bid among those that wait.
func bidOf(ctx context.Context, c *client.Client, r Request) (rao uint64, waits bool, err error) {
	bids, err := c.Bids(ctx, r.NetUID)
	for _, b := range bids {
		if public(r.Hot).Equal(ed25519.PublicKey(b.HotKey)) {
			return b.Amount, true, nil
		}
	}
	return 0, false, err
}

// awaitSeat waits until a bid of the hot key is decided.
func awaitSeat(ctx context.Context, c *client.Client, r Request, bid uint64, err error) (Result, error) {
	if err == nil && r.Waiting != nil {
		r.Waiting(bid)
	}
	for waits := true; waits && err == nil; {
		select {
		case <-ctx.Done():
			return Result{}, ctx.Err()
		case <-time.After(pollBids):
		}
		_, waits, err = bidOf(ctx, c, r)
	}
	if err != nil {
		return Result{}, err
	}
	n, seated, err := find(ctx, c, r.NetUID, public(r.Hot))
	if err == nil && !seated {
		err = fmt.Errorf("%w: %d rao for a seat of subnet %d were paid back; raise --max-price and try again", ErrOutbid, bid, r.NetUID)
	}
	return Result{UID: n.Uid, Price: bid}, err
}

// Card describes an engine's model for the chain; text in, text out.
func Card(info engine.Info) subnettypes.ModelCard {
	return subnettypes.ModelCard{
		Name: clip(info.Model, 64), Digest: info.Digest, Licence: info.Licence, Input: "text", Output: "text",
		Context: uint32(max(0, info.Context)), Precision: clip(info.Precision, 32), Engine: info.Engine, EngineVersion: clip(info.Version, 64),
		Metadata: info.CardMetadata(),
	}
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// Directory lists the permitted validators of a subnet from the chain, read anew at most once per Every.
type Directory struct {
	Client *client.Client
	NetUID uint32
	Every  time.Duration // 0 is at every call
	read   time.Time
	list   []miner.Endpoint
}

// Validators implements miner.Directory. It is not for concurrent use.
func (d *Directory) Validators(ctx context.Context) ([]miner.Endpoint, error) {
	if d.list != nil && time.Since(d.read) < d.Every {
		return d.list, nil
	}
	voices, err := d.Client.Voices(ctx, d.NetUID)
	if err != nil {
		return nil, err
	}
	var list []miner.Endpoint
	for _, v := range voices {
		for _, address := range v.Addresses {
			if v.Permitted {
				list = append(list, miner.Endpoint{HotKey: v.HotKey, Addr: address})
			}
		}
	}
	d.list, d.read = list, time.Now()
	return list, nil
}
