package validator

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	subnettypes "agora/chain/x/subnet/types"
	"agora/engine"
)

// Miner is a place in a subnet whose holder can be judged.
type Miner struct {
	UID        uint32
	Registered uint64 // block of the registration; another one is another miner
	HotKey     ed25519.PublicKey
	Owner      string                 // account that is paid, bech32
	Card       *subnettypes.ModelCard // nil until it has one
	Connected  bool                   // to this validator, now
}

// registry is what a directory reads of the chain; *client.Client provides it.
type registry interface {
	Subnets(ctx context.Context) ([]subnettypes.Subnet, error)
	Neurons(ctx context.Context, netuid uint32) ([]subnettypes.Neuron, error)
	Voices(ctx context.Context, netuid uint32) ([]subnettypes.VoiceEntry, error)
}

// market is a subnet that this validator serves, as the chain lists it.
type market struct {
	subnettypes.Subnet
	open   bool    // its models are examined; else answers are judged
	miners []Miner // by uid
	voices int     // of all validators
	part   float64 // of the stake behind voices that this validator has, in (0, 1]
	peers  []peer  // other validators that may vote and have a gateway
	heard  []voter // all that may vote, by uid
	stake  uint64  // of this validator's voice, if it is permitted
	total  uint64  // of all permitted voices
	voice  *uint32 // uid of this validator's voice with its present hot key; nil where it has none
}

// peer is another validator of a subnet.
type peer struct {
	key     ed25519.PublicKey // hot key of its voice
	gateway string            // base URL
	stake   uint64
}

// voter is a voice that may vote.
type voter struct {
	key   [ed25519.PublicKeySize]byte // its hot key
	stake uint64
}

// place is where a miner stands: its key in a subnet.
type place struct {
	netuid uint32
	key    [ed25519.PublicKeySize]byte
}

// directory is this program's copy of who is registered where.
type directory struct {
	chain    registry
	operator string
	hotKey   ed25519.PublicKey
	serves   func(subnettypes.Subnet) bool
	open     func(context.Context, subnettypes.Subnet) (bool, error) // whether its models are open

	mu      sync.RWMutex
	markets map[uint32]*market // replaced, never changed
	keys    map[place]bool
	missed  bool // somebody asked about a key that is not here
}

// refresh reads the chain. changed says that a key came or went.
func (d *directory) refresh(ctx context.Context) (changed bool, err error) {
	subnets, err := d.chain.Subnets(ctx)
	if err != nil {
		return false, err
	}
	markets := map[uint32]*market{}
	for _, s := range subnets {
		if !d.serves(s) {
			continue
		}
		if markets[s.Netuid], err = d.read(ctx, s); err != nil {
			return false, fmt.Errorf("subnet %d: %w", s.Netuid, err)
		}
	}
	return d.replace(markets), nil
}

func (d *directory) read(ctx context.Context, s subnettypes.Subnet) (*market, error) {
	neurons, err := d.chain.Neurons(ctx, s.Netuid)
	if err != nil {
		return nil, err
	}
	voices, err := d.chain.Voices(ctx, s.Netuid)
	if err != nil {
		return nil, err
	}
	m := &market{Subnet: s, voices: len(voices), part: part(voices, d.operator)}
	if d.open != nil {
		if m.open, err = d.open(ctx, s); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(voices, func(a, b subnettypes.VoiceEntry) int { return cmp.Compare(a.Voice.Uid, b.Voice.Uid) })
	speaks := map[uint32]bool{}
	for _, v := range voices {
		speaks[v.Voice.Uid] = true
		if v.Permitted {
			m.total += v.Stake
		}
		if v.Permitted && len(v.HotKey) == ed25519.PublicKeySize {
			m.heard = append(m.heard, voter{[ed25519.PublicKeySize]byte(v.HotKey), v.Stake})
		}
		if v.Voice.Operator == d.operator && d.hotKey.Equal(ed25519.PublicKey(v.HotKey)) {
			m.voice = &v.Voice.Uid
			if v.Permitted {
				m.stake = v.Stake
			}
		}
		if v.Permitted && v.Voice.Operator != d.operator && v.GatewayUrl != "" && len(v.HotKey) == ed25519.PublicKeySize {
			m.peers = append(m.peers, peer{ed25519.PublicKey(v.HotKey), v.GatewayUrl, v.Stake})
		}
	}
	for _, n := range neurons {
		if !speaks[n.Uid] && len(n.HotKey) == ed25519.PublicKeySize {
			m.miners = append(m.miners, minerOf(n))
		}
	}
	return m, nil
}

// part is an operator's part of the stake behind the voices that may vote, that of one voice more where it has none.
func part(voices []subnettypes.VoiceEntry, operator string) float64 {
	var own, all float64
	for _, v := range voices {
		if !v.Permitted {
			continue
		}
		all += float64(v.Stake)
		if v.Voice.Operator == operator {
			own += float64(v.Stake)
		}
	}
	if own == 0 {
		return 1 / float64(len(voices)+1)
	}
	return own / all
}

// undeclared is the capacity of a miner whose card tells none.
const undeclared = 2

// Capacity is how many requests the miner works on at once, as its card says in its free field: {"capacity": 8}.
func (m Miner) Capacity() int {
	if m.Card == nil {
		return undeclared
	}
	if told := engine.CapacityOf(m.Card.Metadata); told > 0 {
		return min(told, maxCapacity)
	}
	return undeclared
}

// maxCapacity bounds what a card is believed.
const maxCapacity = 1 << 12

func minerOf(n subnettypes.Neuron) Miner {
	return Miner{UID: n.Uid, Registered: uint64(n.Registered), HotKey: n.HotKey, Owner: n.Owner, Card: n.Card}
}

func (d *directory) replace(markets map[uint32]*market) (changed bool) {
	keys := map[place]bool{}
	for netuid, m := range markets {
		for _, miner := range m.miners {
			keys[place{netuid, [ed25519.PublicKeySize]byte(miner.HotKey)}] = true
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	changed = len(keys) != len(d.keys)
	for k := range keys {
		changed = changed || !d.keys[k]
	}
	d.markets, d.keys, d.missed = markets, keys, false
	return changed
}

// market returns a subnet that is served, or nil.
func (d *directory) market(netuid uint32) *market {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.markets[netuid]
}

// netuids lists the subnets that are served, in order.
func (d *directory) netuids() []uint32 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := make([]uint32, 0, len(d.markets))
	for netuid := range d.markets {
		list = append(list, netuid)
	}
	slices.Sort(list)
	return list
}

// allow says whether a hot key is a miner's in this subnet, and the subnet served; the error tells the miner what to do.
func (d *directory) allow(netuid uint32, key ed25519.PublicKey) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(key) == ed25519.PublicKeySize && d.keys[place{netuid, [ed25519.PublicKeySize]byte(key)}] {
		return nil
	}
	d.missed = true
	switch m := d.markets[netuid]; {
	case m != nil:
		return fmt.Errorf("hot key is no miner's in subnet %d (%s): register it there, then try again", netuid, m.Name)
	case len(d.markets) == 0:
		return errors.New("this validator serves no subnet yet, try again in a minute")
	}
	var names []string
	for _, m := range d.markets {
		names = append(names, fmt.Sprintf("%d (%s)", m.Netuid, m.Name))
	}
	slices.Sort(names)
	return fmt.Errorf("this validator does not serve subnet %d, but %s", netuid, strings.Join(names, ", "))
}

// reread asks for another reading of the chain.
func (d *directory) reread() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.missed = true
}

// wanted says that a key was asked for that the chain may list by now.
func (d *directory) wanted() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.missed
}
