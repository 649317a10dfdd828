package types

import (
	"cmp"
	"crypto/ed25519"
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// DefaultGenesis is a market without subnets.
func DefaultGenesis() *GenesisState {
	return &GenesisState{Params: DefaultParams(), NextNetuid: 1}
}

// Validate checks that the parts fit each other: one name and netuid per subnet, uids dense, hot keys with one owner and
// once per subnet, one voice per operator and owned by him, one profile per operator, values, standings and slots of
// subnets that exist and within bounds; and that every address is spelled as the chain spells it. The error is ErrInvalid
// or ErrOutOfBounds.
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
	if err := g.checkProfiles(); err != nil {
		return err
	}
	if err := g.checkVoices(neurons); err != nil {
		return err
	}
	if err := g.checkStandings(subnets); err != nil {
		return err
	}
	if err := g.checkWaiting(subnets); err != nil {
		return err
	}
	if err := g.checkSlots(subnets); err != nil {
		return err
	}
	return g.checkBids(subnets)
}

// CheckSpelling refuses an address that is not spelled as the chain spells it: bech32 can be read in capitals too, and
// then one account would have two names. The error is ErrInvalid.
func CheckSpelling(field, address string) error {
	if err := checkAddress(field, address); err != nil {
		return err
	}
	if account, err := sdk.AccAddressFromBech32(address); err != nil || account.String() != address {
		return fmt.Errorf("%w: %s %q, want it spelled %s", ErrInvalid, field, address, account)
	}
	return nil
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
		if err := CheckSpelling("owner", s.Owner); err != nil {
			return nil, err
		}
		if err := s.checkProposals(); err != nil {
			return nil, err
		}
		subnets[s.Netuid], names[s.Name] = s, true
	}
	return subnets, nil
}

func (g GenesisState) checkValues(subnets map[uint32]Subnet) error {
	values := map[string]int64{}
	for _, v := range g.Values {
		if _, ok := subnets[v.Netuid]; !ok {
			return fmt.Errorf("%w: %s of unknown netuid %d", ErrInvalid, v.Value.Name, v.Netuid)
		}
		row, err := Row(g.Params, v.Value.Name)
		if err != nil {
			return err
		}
		if err := v.Value.CheckFits(row); err != nil {
			return fmt.Errorf("netuid %d: %w", v.Netuid, err)
		}
		key := valueKey(v.Netuid, v.Value.Name)
		if _, twice := values[key]; twice {
			return fmt.Errorf("%w: %s of netuid %d twice", ErrInvalid, v.Value.Name, v.Netuid)
		}
		values[key] = v.Value.Value
	}
	for _, s := range g.Subnets {
		for _, order := range [][2]string{{AlphaLow, AlphaHigh}, {MinBurn, MaxBurn}} {
			low, high := g.valueOf(values, s.Netuid, order[0]), g.valueOf(values, s.Netuid, order[1])
			if low > high {
				return fmt.Errorf("%w: netuid %d: %s %d above %s %d", ErrOutOfBounds, s.Netuid, order[0], low, order[1], high)
			}
		}
	}
	return nil
}

func valueKey(netuid uint32, name string) string { return fmt.Sprintf("%d/%s", netuid, name) }

// valueOf is the value in force of a row that the table has.
func (g GenesisState) valueOf(values map[string]int64, netuid uint32, name string) int64 {
	if value, set := values[valueKey(netuid, name)]; set {
		return value
	}
	row, err := Row(g.Params, name)
	if err != nil {
		return 0
	}
	return row.Default
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
		if err := n.checkOwners(); err != nil {
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

// checkOwners checks how the owner is spelled, and the proposed one if there is one.
func (n Neuron) checkOwners() error {
	if err := CheckSpelling("owner", n.Owner); err != nil || n.NewOwner == "" {
		return err
	}
	return CheckSpelling("new owner", n.NewOwner)
}

func (g GenesisState) checkProfiles() error {
	seen := map[string]bool{}
	for _, p := range g.Profiles {
		if err := p.Validate(); err != nil {
			return err
		}
		if err := CheckSpelling("operator", p.Operator); err != nil {
			return err
		}
		if seen[p.Operator] {
			return fmt.Errorf("%w: two profiles of %s", ErrInvalid, p.Operator)
		}
		seen[p.Operator] = true
	}
	return nil
}

func (g GenesisState) checkVoices(neurons map[place]Neuron) error {
	speaks := map[string]bool{}
	for _, v := range g.Voices {
		n, ok := neurons[place{v.Netuid, v.Uid}]
		if !ok || n.Owner != v.Operator {
			return fmt.Errorf("%w: voice uid %d of netuid %d is no neuron of %s", ErrInvalid, v.Uid, v.Netuid, v.Operator)
		}
		if err := CheckSpelling("operator", v.Operator); err != nil {
			return err
		}
		who := fmt.Sprintf("%d/%s", v.Netuid, v.Operator)
		if speaks[who] {
			return fmt.Errorf("%w: %s has two voices in netuid %d", ErrInvalid, v.Operator, v.Netuid)
		}
		speaks[who] = true
	}
	return nil
}

func (g GenesisState) checkStandings(subnets map[uint32]Subnet) error {
	seen := map[uint32]bool{}
	for _, s := range g.Standings {
		subnet, ok := subnets[s.Netuid]
		if !ok || seen[s.Netuid] {
			return fmt.Errorf("%w: a standing of netuid %d, which is unknown or has one", ErrInvalid, s.Netuid)
		}
		if err := s.CheckFits(subnet); err != nil {
			return err
		}
		seen[s.Netuid] = true
	}
	return nil
}

// CheckFits checks that the columns are of one length, and of no more neurons than there are. The error is ErrInvalid.
func (s Standing) CheckFits(subnet Subnet) error {
	if len(s.Emissions) != len(s.KeptUntil) || len(s.Emissions) > int(subnet.Size_) || s.Height < 0 {
		return fmt.Errorf("%w: the standing of netuid %d at height %d has %d emissions and %d terms of voices, of %d neurons",
			ErrInvalid, s.Netuid, s.Height, len(s.Emissions), len(s.KeptUntil), subnet.Size_)
	}
	return nil
}

// Forget clears what the last epoch said of a uid that changed hands.
func (s Standing) Forget(uid uint32) {
	if int(uid) < len(s.Emissions) {
		s.Emissions[uid], s.KeptUntil[uid] = 0, 0
	}
}

func (g GenesisState) checkSlots(subnets map[uint32]Subnet) error {
	seen := map[string]bool{}
	for _, s := range g.Slots {
		subnet, ok := subnets[s.Netuid]
		key := fmt.Sprintf("%d/%d/%s", s.Netuid, s.Kind, s.HotKey)
		if !ok || seen[key] {
			return fmt.Errorf("%w: slots of hot key %x in netuid %d, which is unknown or has them", ErrInvalid, s.HotKey, s.Netuid)
		}
		if err := s.CheckFits(subnet); err != nil {
			return err
		}
		seen[key] = true
	}
	return nil
}

// CheckFits checks the kind, the key's length and that no more were taken, and not in a later tempo, than can have been.
// The error is ErrInvalid.
func (s Slot) CheckFits(subnet Subnet) error {
	if len(s.HotKey) != ed25519.PublicKeySize || s.Kind < SlotCommit || s.Kind > SlotModel ||
		s.Taken > SlotsPerTempo || s.Epoch > subnet.Epoch {
		return fmt.Errorf("%w: %d slots of kind %d in netuid %d, epoch %d, by a hot key of %d bytes",
			ErrInvalid, s.Taken, s.Kind, s.Netuid, s.Epoch, len(s.HotKey))
	}
	return nil
}

// checkBids checks that bids belong to started subnets, ascend by netuid and number, and that no hot key bids twice.
func (g GenesisState) checkBids(subnets map[uint32]Subnet) error {
	seen := map[string]bool{}
	for i, b := range g.Bids {
		if err := b.CheckFits(subnets[b.Netuid]); err != nil {
			return err
		}
		key := fmt.Sprintf("%d/%s", b.Netuid, b.HotKey)
		if i > 0 && cmp.Or(cmp.Compare(g.Bids[i-1].Netuid, b.Netuid), cmp.Compare(g.Bids[i-1].Number, b.Number)) >= 0 || seen[key] || b.Number >= g.NextBid {
			return fmt.Errorf("%w: bid %d of netuid %d is out of order, its hot key's second, or not below next_bid", ErrInvalid, b.Number, b.Netuid)
		}
		seen[key] = true
	}
	return nil
}

// CheckFits checks the form of a bid in a subnet. The error is ErrInvalid.
func (b Bid) CheckFits(subnet Subnet) error {
	if b.Netuid == 0 || b.Netuid != subnet.Netuid || !subnet.Started || len(b.HotKey) != ed25519.PublicKeySize ||
		b.Amount == 0 || b.Amount > maxAmount {
		return fmt.Errorf("%w: a bid of %d rao by a hot key of %d bytes in netuid %d, want one of a started subnet",
			ErrInvalid, b.Amount, len(b.HotKey), b.Netuid)
	}
	return CheckSpelling("owner", b.Owner)
}
