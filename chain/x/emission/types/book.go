package types

import (
	"cmp"
	"slices"
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

// Close forgets the account of netuid.
func (b *Book) Close(netuid uint32) {
	if i, found := b.find(netuid); found {
		b.Accounts = slices.Delete(b.Accounts, i, i+1)
	}
}

func (b *Book) find(netuid uint32) (int, bool) {
	return slices.BinarySearchFunc(b.Accounts, netuid, func(a Account, n uint32) int { return cmp.Compare(a.Netuid, n) })
}
