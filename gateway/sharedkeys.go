package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"agora/gateway/ledger"
)

// keysPatience is how long a database may take for an answer about keys.
const keysPatience = 5 * time.Second

// sharedKeys are keys in a database that several gateways use.
type sharedKeys struct{ *ledger.Keys }

// OpenSharedKeys reads the keys in a database, postgres://…, that several gateways share. Those in the file old, of a
// gateway that had its own, move there first; the file is renamed.
func OpenSharedKeys(ctx context.Context, url, old string) (*Keys, error) {
	db, err := ledger.OpenKeys(ctx, url)
	if err != nil {
		return nil, err
	}
	store := sharedKeys{db}
	if err := store.moveIn(old); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	k, err := openKeysOf(store)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return k, nil
}

// moveIn takes a file's keys over. A key that was revoked in one place is revoked.
func (s sharedKeys) moveIn(file string) error {
	moved, err := readKeys(file)
	if err != nil || len(moved) == 0 {
		return err
	}
	err = s.edit(func(list []Key) ([]Key, error) {
		for _, key := range moved {
			i := slices.IndexFunc(list, func(have Key) bool { return have.Hash == key.Hash })
			if i < 0 {
				list = append(list, key)
			} else if list[i].Revoked.IsZero() {
				list[i].Revoked = key.Revoked
			}
		}
		return list, nil
	})
	if err != nil {
		return err
	}
	if err := os.Rename(file, file+".moved"); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s sharedKeys) String() string { return "the shared database" }

func (s sharedKeys) look() (version any, now time.Time, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), keysPatience)
	defer cancel()
	return s.Changes(ctx)
}

func (s sharedKeys) read() ([]Key, error) {
	ctx, cancel := context.WithTimeout(context.Background(), keysPatience)
	defer cancel()
	all, err := s.Read(ctx)
	if err != nil {
		return nil, err
	}
	return unpackKeys(all)
}

func unpackKeys(all []ledger.Document) ([]Key, error) {
	list := make([]Key, len(all))
	for i, d := range all {
		if err := json.Unmarshal(d.Text, &list[i]); err != nil {
			return nil, fmt.Errorf("gateway: key %.20q in the shared database is damaged: %w", d.ID, err)
		}
	}
	return list, nil
}

func (s sharedKeys) edit(change func([]Key) ([]Key, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), keysPatience)
	defer cancel()
	return s.Edit(ctx, func(all []ledger.Document) ([]ledger.Document, error) {
		before, err := unpackKeys(all)
		if err != nil {
			return nil, err
		}
		after, err := change(slices.Clone(before))
		if err != nil {
			return nil, err
		}
		var changed []ledger.Document
		for _, key := range after {
			if slices.ContainsFunc(before, key.same) {
				continue
			}
			text, err := json.Marshal(key)
			if err != nil {
				return nil, err
			}
			changed = append(changed, ledger.Document{Hash: key.Hash, ID: key.ID, Text: text})
		}
		return changed, nil
	})
}
