package types

import (
	"cmp"
	"slices"

	"agora/mechanism/emission"
)

// Account returns the account of netuid, opened if there is none. Accounts stay in the order of netuids; the pointer is
// good until the next call.
func (b *Book) Account(netuid uint32) *Account {
	i, found := b.find(netuid)
	if !found {
		b.Accounts = slices.Insert(b.Accounts, i, Account{Netuid: netuid})
	}
	return &b.Accounts[i]
}

// Find returns the account of netuid, nil if there is none.
func (b *Book) Find(netuid uint32) *Account {
	if i, found := b.find(netuid); found {
		return &b.Accounts[i]
	}
	return nil
}

// Close forgets the account of netuid.
func (b *Book) Close(netuid uint32) {
	if i, found := b.find(netuid); found {
		b.Accounts = slices.Delete(b.Accounts, i, i+1)
	}
}

func (b *Book) find(netuid uint32) (int, bool) {
	return slices.BinarySearchFunc(b.Accounts, netuid, func(a Account, n uint32) int { return cmp.Compare(a.Netuid, n) })
}

// Flow returns the flow of a subnet's dividends, if some are still to be paid.
func (b *Book) Flow(netuid uint32) (Flow, bool) {
	if i, found := b.findFlow(netuid); found {
		return b.Flows[i], true
	}
	return Flow{}, false
}

// SetFlow puts a flow in its place, in the order of netuids.
func (b *Book) SetFlow(f Flow) {
	i, found := b.findFlow(f.Netuid)
	if !found {
		b.Flows = slices.Insert(b.Flows, i, f)
	}
	b.Flows[i] = f
}

// EndFlow forgets the flow of netuid.
func (b *Book) EndFlow(netuid uint32) {
	if i, found := b.findFlow(netuid); found {
		b.Flows = slices.Delete(b.Flows, i, i+1)
	}
}

func (b *Book) findFlow(netuid uint32) (int, bool) {
	return slices.BinarySearchFunc(b.Flows, netuid, func(f Flow, n uint32) int { return cmp.Compare(f.Netuid, n) })
}

// NewFlow is how netuid's dividends flow.
func NewFlow(netuid uint32, f emission.Flow) Flow {
	return Flow{Netuid: netuid, Next: f.Next, Step: f.Step, Given: f.Given, Of: f.Of}
}

// Course is the flow without its subnet.
func (f Flow) Course() emission.Flow {
	return emission.Flow{Next: f.Next, Step: f.Step, Given: f.Given, Of: f.Of}
}

// Left is what of the dividends is still to be paid under a flow.
func (d Dividends) Left(f Flow) (rao uint64) {
	for _, e := range d.Entries {
		rao += f.Course().Left(e.Amount)
	}
	return rao
}

// Compare orders by operator.
func (w Waiting) Compare(operator string) int { return cmp.Compare(w.Operator, operator) }

// Forget takes netuid out of a vote; false if it was not in it.
func (v *RootVote) Forget(netuid uint32) bool {
	i, found := slices.BinarySearch(v.Netuids, netuid)
	if found {
		v.Netuids, v.Weights = slices.Delete(v.Netuids, i, i+1), slices.Delete(v.Weights, i, i+1)
	}
	return found
}
