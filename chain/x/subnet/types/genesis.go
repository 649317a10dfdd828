package types

import (
	"crypto/ed25519"
	"fmt"
)

// DefaultGenesis is a market without subnets.
func DefaultGenesis() *GenesisState {
	return &GenesisState{Params: DefaultParams(), NextNetuid: 1}
}

// Validate checks that the parts fit each other: one name and netuid per subnet, uids dense, hot keys with one owner and
// once per subnet, voices owned by their operators, values within bounds. The error is ErrInvalid or ErrOutOfBounds.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	subnets, err := g.checkSubnets()
	if err != nil {
		return err
	}
	if err := g.checkValues(subnets); err != nil {
		return err
	}
	neurons, err := g.checkNeurons(subnets)
	if err != nil {
		return err
	}
	for _, profile := range g.Profiles {
		if err := profile.Validate(); err != nil {
			return err
		}
	}
	return g.checkVoices(neurons)
}

type place struct{ netuid, uid uint32 }

// checkSubnets returns the subnets by netuid.
func (g GenesisState) checkSubnets() (map[uint32]Subnet, error) {
	subnets, names := map[uint32]Subnet{}, map[string]bool{}
	for _, s := range g.Subnets {
		if _, twice := subnets[s.Netuid]; twice || s.Netuid == 0 || s.Netuid >= g.NextNetuid {
			return nil, fmt.Errorf("%w: netuid %d is doubled, root, or not below next_netuid %d", ErrInvalid, s.Netuid, g.NextNetuid)
		}
		if names[s.Name] {
			return nil, fmt.Errorf("%w: two subnets called %s", ErrInvalid, s.Name)
		}
		form := MsgCreateSubnet{Sender: s.Owner, Name: s.Name, Mechanism: s.Mechanism, Identity: s.Identity}
		if err := form.ValidateBasic(); err != nil {
			return nil, fmt.Errorf("netuid %d: %w", s.Netuid, err)
		}
		subnets[s.Netuid], names[s.Name] = s, true
	}
	return subnets, nil
}

func (g GenesisState) checkValues(subnets map[uint32]Subnet) error {
	for _, v := range g.Values {
		if _, ok := subnets[v.Netuid]; !ok {
			return fmt.Errorf("%w: %s of unknown netuid %d", ErrInvalid, v.Value.Name, v.Netuid)
		}
		row, err := Row(g.Params, v.Value.Name)
		if err != nil {
			return err
		}
		if err := row.Check(v.Value.Value); err != nil {
			return fmt.Errorf("netuid %d: %w", v.Netuid, err)
		}
	}
	return nil
}

// checkNeurons returns the neurons by place. They come in order of uid within their subnet.
func (g GenesisState) checkNeurons(subnets map[uint32]Subnet) (map[place]Neuron, error) {
	neurons, owners, next := map[place]Neuron{}, map[string]string{}, map[uint32]uint32{}
	seen := map[string]bool{}
	for _, n := range g.Neurons {
		if _, ok := subnets[n.Netuid]; !ok || n.Uid != next[n.Netuid] {
			return nil, fmt.Errorf("%w: uid %d of netuid %d, want known subnets and uids 0, 1, 2 in order", ErrInvalid, n.Uid, n.Netuid)
		}
		if len(n.HotKey) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%w: hot key of %d bytes", ErrInvalid, len(n.HotKey))
		}
		key := string(n.HotKey)
		inSubnet := fmt.Sprintf("%d/%s", n.Netuid, key)
		if owner, ok := owners[key]; (ok && owner != n.Owner) || seen[inSubnet] {
			return nil, fmt.Errorf("%w: hot key %x has two owners, or twice a place in netuid %d", ErrInvalid, n.HotKey, n.Netuid)
		}
		if err := checkAddress("owner", n.Owner); err != nil {
			return nil, err
		}
		neurons[place{n.Netuid, n.Uid}], owners[key], seen[inSubnet] = n, n.Owner, true
		next[n.Netuid]++
	}
	for _, s := range g.Subnets {
		if s.Size_ != next[s.Netuid] {
			return nil, fmt.Errorf("%w: netuid %d has %d neurons but says %d", ErrInvalid, s.Netuid, next[s.Netuid], s.Size_)
		}
	}
	return neurons, nil
}

func (g GenesisState) checkVoices(neurons map[place]Neuron) error {
	speaks := map[string]bool{}
	for _, v := range g.Voices {
		n, ok := neurons[place{v.Netuid, v.Uid}]
		if !ok || n.Owner != v.Operator {
			return fmt.Errorf("%w: voice uid %d of netuid %d is no neuron of %s", ErrInvalid, v.Uid, v.Netuid, v.Operator)
		}
		who := fmt.Sprintf("%d/%s", v.Netuid, v.Operator)
		if speaks[who] {
			return fmt.Errorf("%w: %s has two voices in netuid %d", ErrInvalid, v.Operator, v.Netuid)
		}
		speaks[who] = true
	}
	return nil
}
