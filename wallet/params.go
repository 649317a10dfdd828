package wallet

import "fmt"

// Params are the costs of turning a passphrase into a key with Argon2id, which one guess costs an attacker as well.
type Params struct {
	Time      uint32 `json:"time"`       // passes over the memory, 1 to 64
	MemoryKiB uint32 `json:"memory_kib"` // 8 MiB to 1 GiB
	Threads   uint8  `json:"threads"`    // 1 to 16
}

// DefaultParams cost about a third of a second and 64 MiB.
var DefaultParams = Params{Time: 3, MemoryKiB: 64 << 10, Threads: 4}

// check bounds what a file from elsewhere can make this process spend, and what a careless caller can leave unprotected.
func (p Params) check() error {
	switch {
	case p.Time < 1 || p.Time > 64:
		return fmt.Errorf("argon2id time is %d, must be from 1 to 64", p.Time)
	case p.MemoryKiB < 8<<10 || p.MemoryKiB > 1<<20:
		return fmt.Errorf("argon2id memory is %d KiB, must be from %d to %d", p.MemoryKiB, 8<<10, 1<<20)
	case p.Threads < 1 || p.Threads > 16:
		return fmt.Errorf("argon2id threads is %d, must be from 1 to 16", p.Threads)
	}
	return nil
}
