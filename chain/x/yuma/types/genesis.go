package types

import "fmt"

// DefaultGenesis has no weights yet.
func DefaultGenesis() *GenesisState { return &GenesisState{Params: DefaultParams()} }

// Validate checks what can be checked without other modules: parameters, lengths of hashes and rows. The error says what
// is wrong.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	for _, c := range g.Commits {
		if err := c.checkShape(); err != nil {
			return err
		}
	}
	for _, rows := range [][]Row{g.Weights, g.Bonds} {
		for _, r := range rows {
			if len(r.Entries)%4 != 0 || len(r.Entries) > 4*MaxEntries {
				return fmt.Errorf("%w: row of netuid %d, uid %d has %d bytes", ErrInvalid, r.Netuid, r.Uid, len(r.Entries))
			}
		}
	}
	return nil
}

func (c Commit) checkShape() error {
	if len(c.Hash) != 32 || len(c.HotKey) != 32 || len(c.EvidenceRoot) != 0 && len(c.EvidenceRoot) != 32 {
		return fmt.Errorf("%w: commit of netuid %d, uid %d: hash of %d bytes, hot key of %d, evidence root of %d",
			ErrInvalid, c.Netuid, c.Uid, len(c.Hash), len(c.HotKey), len(c.EvidenceRoot))
	}
	return nil
}
