// Package bankstore is the part of the state that x/bank owns, without the writes that change nothing.
//
// With every change of a balance x/bank (SDK 0.55) writes anew that the account is among the holders of the coin. In a tree
// that keeps versions each such write makes new nodes up to the root, to be hashed, stored and later pruned: as many as
// the balance itself. Here an entry that is there is left as it is.
package bankstore

import (
	"bytes"
	"context"

	corestore "cosmossdk.io/core/store"

	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
)

// New returns service without writes of holders that are listed already.
func New(service corestore.KVStoreService) corestore.KVStoreService { return opener{service} }

type opener struct{ corestore.KVStoreService }

// OpenKVStore implements corestore.KVStoreService.
func (o opener) OpenKVStore(ctx context.Context) corestore.KVStore {
	return store{o.KVStoreService.OpenKVStore(ctx)}
}

type store struct{ corestore.KVStore }

// Set implements corestore.KVStore.
func (s store) Set(key, value []byte) error {
	if bytes.HasPrefix(key, banktypes.DenomAddressPrefix) {
		if has, err := s.Get(key); err != nil || has != nil && bytes.Equal(has, value) {
			return err
		}
	}
	return s.KVStore.Set(key, value)
}
