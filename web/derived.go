package web

import (
	"maps"
	"slices"
)

// palette is the number of colours that lines of a plot take in turn.
const palette = 8

// Colour is the number of the miner's colour in plots and tables.
func (m Miner) Colour() uint32 { return m.UID % palette }

// Width is the width of the interval in percent of the scale, at least a hair.
func (s *Score) Width() float64 { return max(1, 100*(min(s.High, 1)-max(s.Low, 0))) }

// Tick is where the mark of the value begins, in percent of the scale.
func (s *Score) Tick() float64 { return min(max(100*s.Value-1, 0), 98) }

// Models are the names of a subnet's models, each once.
func (s Subnet) Models() []string {
	var names []string
	for _, m := range s.Miners {
		if m.Model != "" && m.Model != s.Name {
			names = append(names, m.Model)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Price is what a million tokens of one model cost at one validator, in rao.
type Price struct{ In, Out uint64 }

// Offer is a model with its dearest server's prices, at each validator that has a gateway.
type Offer struct {
	Model  string
	Prices []Price
}

// Doors are the validators that consumers can ask.
func (s *Snapshot) Doors() []Validator {
	return slices.DeleteFunc(slices.Clone(s.Validators), func(v Validator) bool { return v.Gateway == "" || v.Jailed })
}

// Offers are a subnet's models with what they cost at each of Doors, by name.
func (s *Snapshot) Offers(sub Subnet) []Offer {
	cards := map[string]Price{}
	for _, m := range sub.Miners {
		if m.Model != "" {
			have := cards[m.Model]
			cards[m.Model] = Price{max(have.In, m.CardIn), max(have.Out, m.CardOut)}
		}
	}
	var list []Offer
	for _, model := range slices.Sorted(maps.Keys(cards)) {
		o := Offer{Model: model}
		for _, v := range s.Doors() {
			o.Prices = append(o.Prices, Price{dearer(cards[model].In, v.Markup), dearer(cards[model].Out, v.Markup)})
		}
		list = append(list, o)
	}
	return list
}

// dearer is a price with a mark-up in basis points.
func dearer(rao, markup uint64) uint64 { return rao + rao/10_000*markup + rao%10_000*markup/10_000 }

// Judges counts the validators that are not jailed.
func (s *Snapshot) Judges() int {
	n := 0
	for _, v := range s.Validators {
		if !v.Jailed {
			n++
		}
	}
	return n
}

// Workers counts the miners of all subnets.
func (s *Snapshot) Workers() int {
	n := 0
	for _, sub := range s.Subnets {
		n += len(sub.Miners)
	}
	return n
}

// Online counts the miners that are connected to this gateway.
func (s *Snapshot) Online() int {
	n := 0
	for _, sub := range s.Subnets {
		for _, m := range sub.Miners {
			if m.Connected {
				n++
			}
		}
	}
	return n
}

// VoicesOf lists a validator's voice in every subnet, nil where it has none.
func (s *Snapshot) VoicesOf(v Validator) []*Voice {
	out := make([]*Voice, len(s.Subnets))
	for i, sub := range s.Subnets {
		for j := range v.Voices {
			if v.Voices[j].NetUID == sub.NetUID {
				out[i] = &v.Voices[j]
			}
		}
	}
	return out
}

// timed is a subnet with the blocks left to its next epoch.
type timed struct {
	*Subnet
	Left int64
}

// For joins a subnet with the height.
func (s *Snapshot) For(v any) timed {
	sub, ok := v.(*Subnet)
	if !ok {
		one := v.(Subnet)
		sub = &one
	}
	return timed{sub, max(0, sub.NextEpoch-s.Height)}
}
