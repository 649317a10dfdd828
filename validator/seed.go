package validator

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"agora/task"
)

// seedRecord is the secret that a subnet's items are drawn from.
type seedRecord struct {
	Salt  []byte `json:"salt"`  // 32 bytes; of the commit of Epoch, or drawn for want of one
	Mix   []byte `json:"mix"`   // hash of the block after that commit; empty where there was none
	Epoch int64  `json:"epoch"` // last epoch whose commit came before the seed, -1 where there was none
	Next  uint64 `json:"next"`  // indices below it may have been used
}

// reserve is how many indices are marked as used at once, so that drawing an item rarely writes to the disk.
const reserve = 64

// newSalt draws 32 secret bytes.
func newSalt() []byte {
	salt := make([]byte, sha256.Size)
	rand.Read(salt) // never fails
	return salt
}

// seed is SHA-256 over (domain, chain id, netuid, salt, mix): whoever knows the revealed salt can draw the same items.
func (r seedRecord) seed(chainID string, netuid uint32) task.Seed {
	h := sha256.New()
	fmt.Fprintf(h, "agora/items/v1\x00%s\x00", chainID)
	h.Write(binary.BigEndian.AppendUint32(nil, netuid))
	h.Write(r.Salt)
	h.Write(r.Mix)
	return task.Seed(h.Sum(nil))
}

// drawer hands out a subnet's items, each once, also over restarts.
type drawer struct {
	netuid  uint32
	chainID string
	family  task.Family
	store   *store

	mu     sync.Mutex
	record seedRecord
	next   uint64   // first unused index, at most record.Next
	drawn  []uint64 // beginnings of the latest items' ids
	seeds  int      // used since the start
}

// Two indices may give the same short question. An item is passed over if it is among the latest drawn, a few times;
// a family with so few items that this does not help repeats them, and the board counts none twice.
const (
	drawnKept  = 4096
	passedOver = 16
)

func newDrawer(netuid uint32, chainID string, family task.Family, s *store) (*drawer, error) {
	d := &drawer{netuid: netuid, chainID: chainID, family: family, store: s}
	record, ok, err := s.seed(netuid)
	if err != nil {
		return nil, err
	}
	if !ok {
		return d, d.use(seedRecord{Salt: newSalt(), Epoch: -1})
	}
	d.record, d.next = record, record.Next
	return d, nil
}

// use begins a new seed.
func (d *drawer) use(r seedRecord) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.store.setSeed(d.netuid, r); err != nil {
		return err
	}
	d.record, d.next = r, r.Next
	d.seeds++
	return nil
}

// count is the number of seeds used since the start.
func (d *drawer) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seeds
}

// numbered draws the next item, with the number of its seed.
func (d *drawer) numbered() (task.Item, int, error) {
	item, err := d.item()
	return item, d.count(), err
}

// epoch is the last one whose commit came before the seed in use, -1 where there was none.
func (d *drawer) epoch() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.record.Epoch
}

// uses says whether items are drawn from salt.
func (d *drawer) uses(salt []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return bytes.Equal(d.record.Salt, salt)
}

// item draws the next item.
func (d *drawer) item() (task.Item, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range passedOver {
		item, err := d.at()
		if err != nil {
			return item, err
		}
		id := binary.BigEndian.Uint64(item.ID[:])
		if item.Path == "" || slices.Contains(d.drawn, id) {
			continue
		}
		if d.drawn = append(d.drawn, id); len(d.drawn) > drawnKept {
			d.drawn = slices.Delete(d.drawn, 0, drawnKept/2)
		}
		return item, nil
	}
	item, err := d.at()
	if err == nil && item.Path == "" {
		err = errNoItem
	}
	return item, err
}

// errNoItem says that a task has given none for many indices in a row.
var errNoItem = errors.New("the subnet's task gives no item")

// at draws the item of the next index.
func (d *drawer) at() (task.Item, error) {
	if d.next == d.record.Next {
		r := d.record
		r.Next += reserve
		if err := d.store.setSeed(d.netuid, r); err != nil {
			return task.Item{}, err
		}
		d.record = r
	}
	index := d.next
	d.next++
	return d.family.Item(d.record.seed(d.chainID, d.netuid), index), nil
}
