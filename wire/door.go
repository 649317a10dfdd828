package wire

import (
	"fmt"
	"net/netip"
	"sync"
)

// maxKnown bounds the addresses that a door remembers.
const maxKnown = 4 << 10

// door bounds the handshakes going on, which cost a hub time before it knows with whom. One address has a bound of its
// own, and a quarter of the places is kept for addresses from which an accepted key has come before: a key is known only
// after its handshake, so that strangers who fill the rest must not keep out those who come back.
type door struct {
	strangers, all, each int // places

	mu    sync.Mutex
	open  int
	by    map[netip.Addr]int
	known map[netip.Addr]bool
	kept  *ledger // nil where nothing is kept
}

func newDoor(all, each int) door {
	return door{strangers: max(1, all-all/4), all: all, each: each, by: map[netip.Addr]int{}, known: map[netip.Addr]bool{}}
}

// remember takes what the file holds for known, and keeps in it what comes.
func (d *door) remember(path string) error {
	if path == "" {
		return nil
	}
	kept, list, err := openLedger(path)
	if err != nil {
		return fmt.Errorf("wire: known addresses: %w", err)
	}
	for _, at := range list {
		d.learn(at)
	}
	d.kept = kept
	return nil
}

// enter says whether a handshake with this address may begin; then leave must end it.
func (d *door) enter(from netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	limit := d.strangers
	if d.known[from] {
		limit = d.all
	}
	if d.open >= limit || d.by[from] >= d.each {
		return false
	}
	d.open++
	d.by[from]++
	return true
}

// leave ends a handshake. Accepted says that the address showed a key that may connect.
func (d *door) leave(from netip.Addr, accepted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	if d.by[from]--; d.by[from] == 0 {
		delete(d.by, from)
	}
	if !accepted || d.known[from] {
		return
	}
	d.learn(from)
	d.kept.add(from)
}

// learn notes an address as one that comes back.
func (d *door) learn(from netip.Addr) {
	if len(d.known) >= maxKnown {
		for old := range d.known { // any: whoever comes back is remembered anew
			delete(d.known, old)
			break
		}
	}
	d.known[from] = true
}
