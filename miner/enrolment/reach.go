package enrolment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"agora/client"
	"agora/wire"
)

// maxDialled bounds the addresses that Reachable tries.
const maxDialled = 16

// ErrUnjudged says that no validator can be dialled that would judge a miner of the subnet. One may come: that of a new subnet is none yet.
var ErrUnjudged = errors.New("no validator judges the subnet")

// Reachable looks whether any validator of the subnet can be dialled, before money is spent on a place where nobody
// would ask. The error says what stands in the way; it is ErrUnjudged where waiting may help, and wire.ErrPrivate where every address
// is one that this miner does not dial.
func Reachable(ctx context.Context, c *client.Client, netuid uint32, allowPrivate bool) error {
	voices, err := c.Voices(ctx, netuid)
	if err != nil {
		return err
	}
	var addresses []string
	for _, v := range voices {
		addresses = append(addresses, v.Addresses...)
	}
	if len(addresses) == 0 {
		return fmt.Errorf("%w: none of subnet %d has published an address; nothing was paid, --register-anyway pays without", ErrUnjudged, netuid)
	}
	var private, away error
	for _, address := range addresses[:min(len(addresses), maxDialled)] {
		switch err := wire.Reachable(ctx, address, allowPrivate); {
		case err == nil:
			return nil
		case errors.Is(err, wire.ErrPrivate):
			private = err
		case away == nil:
			away = err
		}
	}
	if away == nil {
		return fmt.Errorf("none of subnet %d's validators can be dialled, nothing was paid: %w; --register-anyway pays without", netuid, private)
	}
	return fmt.Errorf("%w: none of subnet %d's can be dialled, nothing was paid: %w; --register-anyway pays without", ErrUnjudged, netuid, errors.Join(away, private))
}

// Patience is how a miner waits for the first validator that judges its subnet. The zero value does not.
type Patience struct {
	For   time.Duration      // at most
	Every time.Duration      // between two looks
	Told  func(reason error) // once, before the first wait
}

// Await is Reachable, asked again until a validator can be dialled, waiting cannot help, or the patience ends.
func (p Patience) Await(ctx context.Context, c *client.Client, netuid uint32, allowPrivate bool) error {
	end := time.Now().Add(p.For)
	err := Reachable(ctx, c, netuid, allowPrivate)
	if errors.Is(err, ErrUnjudged) && p.For > 0 && ctx.Err() == nil {
		p.Told(err)
	}
	for errors.Is(err, ErrUnjudged) && time.Now().Before(end) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(p.Every, time.Until(end))):
		}
		err = Reachable(ctx, c, netuid, allowPrivate)
	}
	return err
}
