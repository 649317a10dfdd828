package types

import (
	"cmp"
	"encoding/binary"
	"fmt"

	"cosmossdk.io/collections"

	subnettypes "agora/chain/x/subnet/types"
)

// DefaultGenesis has no weights yet.
func DefaultGenesis() *GenesisState { return &GenesisState{Params: DefaultParams()} }

// Validate checks what can be checked without other modules: parameters, the shape of every entry, and that entries
// ascend by their keys, so that none is there twice. The error says what is wrong.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	if err := checkEach("commit", g.Commits, Commit.Validate, func(a, b Commit) int {
		return cmp.Or(cmp.Compare(a.Netuid, b.Netuid), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Operator, b.Operator))
	}); err != nil {
		return err
	}
	bySpeaker := func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Netuid, b.Netuid), cmp.Compare(a.Operator, b.Operator))
	}
	if err := checkEach("row of weights", g.Weights, Row.Validate, bySpeaker); err != nil {
		return err
	}
	if err := checkEach("row of bonds", g.Bonds, Row.Validate, bySpeaker); err != nil {
		return err
	}
	if err := checkEach("record", g.Records, EpochRecord.Validate, func(a, b EpochRecord) int {
		return cmp.Or(cmp.Compare(a.Netuid, b.Netuid), cmp.Compare(a.Epoch, b.Epoch))
	}); err != nil {
		return err
	}
	if err := checkEach("snapshot", g.Snapshots, Snapshot.Validate, func(a, b Snapshot) int {
		return cmp.Compare(a.Netuid, b.Netuid)
	}); err != nil {
		return err
	}
	if err := checkEach("seed", g.Seeds, Seed.Validate, func(a, b Seed) int {
		return cmp.Or(cmp.Compare(a.Netuid, b.Netuid), cmp.Compare(a.Epoch, b.Epoch))
	}); err != nil {
		return err
	}
	return checkEach("carry", g.Carries, Carry.Validate, func(a, b Carry) int { return cmp.Compare(a.Netuid, b.Netuid) })
}

// checkEach holds entries to their shape and to ascending keys.
func checkEach[T any](name string, entries []T, validate func(T) error, compare func(a, b T) int) error {
	for i, e := range entries {
		if err := validate(e); err != nil {
			return err
		}
		if i > 0 && compare(entries[i-1], e) >= 0 {
			return fmt.Errorf("%w: %s %d is there twice or out of order", ErrInvalid, name, i)
		}
	}
	return nil
}

// Validate checks the commit's lengths and place.
func (c Commit) Validate() error {
	if err := checkPlace("commit", c.Netuid, c.Uid); err != nil {
		return err
	}
	if err := subnettypes.CheckSpelling("operator", c.Operator); err != nil {
		return err
	}
	if len(c.Hash) != 32 || len(c.HotKey) != 32 || len(c.EvidenceRoot) != 0 && len(c.EvidenceRoot) != 32 {
		return fmt.Errorf("%w: commit of netuid %d, uid %d: hash of %d bytes, hot key of %d, evidence root of %d",
			ErrInvalid, c.Netuid, c.Uid, len(c.Hash), len(c.HotKey), len(c.EvidenceRoot))
	}
	if len(c.Seed) > 0 && len(c.EvidenceRoot) == 0 {
		return fmt.Errorf("%w: commit of netuid %d, uid %d has a seed and no evidence root", ErrInvalid, c.Netuid, c.Uid)
	}
	return nil
}

// checkPlace refuses root, which has no neurons, and uids beyond any subnet's.
func checkPlace(what string, netuid, uid uint32) error {
	if netuid == 0 || uid >= MaxEntries {
		return fmt.Errorf("%w: %s of netuid %d, uid %d", ErrInvalid, what, netuid, uid)
	}
	return nil
}

// Validate checks the row's place and that its uids ascend.
func (r Row) Validate() error {
	if err := checkPlace("row", r.Netuid, r.Uid); err != nil {
		return err
	}
	if err := subnettypes.CheckSpelling("operator", r.Operator); err != nil {
		return err
	}
	if len(r.Salt) > MaxSalt {
		return fmt.Errorf("%w: row of netuid %d, uid %d has a salt of %d bytes", ErrInvalid, r.Netuid, r.Uid, len(r.Salt))
	}
	if len(r.Entries)%4 != 0 || len(r.Entries) > 4*MaxEntries {
		return fmt.Errorf("%w: row of netuid %d, uid %d has %d bytes", ErrInvalid, r.Netuid, r.Uid, len(r.Entries))
	}
	for i := 4; i < len(r.Entries); i += 4 {
		if binary.LittleEndian.Uint16(r.Entries[i:]) <= binary.LittleEndian.Uint16(r.Entries[i-4:]) {
			return fmt.Errorf("%w: row of netuid %d, uid %d: uids out of order at entry %d", ErrInvalid, r.Netuid, r.Uid, i/4)
		}
	}
	return nil
}

// Key is where the row is kept: by subnet and operator.
func (r Row) Key() collections.Pair[uint32, string] { return collections.Join(r.Netuid, r.Operator) }

// Key is where the commit is kept: by subnet, epoch and operator.
func (c Commit) Key() collections.Triple[uint32, uint64, string] {
	return collections.Join3(c.Netuid, c.Epoch, c.Operator)
}

// LastUID is the highest uid that a valid row names; false if it names none.
func (r Row) LastUID() (uid uint32, some bool) {
	if len(r.Entries) < 4 {
		return 0, false
	}
	return uint32(binary.LittleEndian.Uint16(r.Entries[len(r.Entries)-4:])), true
}

// Uids is the number of neurons there were.
func (r EpochRecord) Uids() int { return len(r.Permits) }

// Validate checks that the columns are as long as there were neurons, or empty where nothing was decided.
func (r EpochRecord) Validate() error {
	if err := checkPlace("record", r.Netuid, 0); err != nil {
		return err
	}
	n := r.Uids()
	if n > MaxEntries || len(r.Active) != n {
		return fmt.Errorf("%w: record of netuid %d, epoch %d: %d permits, %d active", ErrInvalid, r.Netuid, r.Epoch, n, len(r.Active))
	}
	if !r.Decided {
		n = 0
	}
	for _, column := range [][]byte{r.Stake, r.Consensus, r.Incentive, r.Dividends, r.ValidatorTrust} {
		if len(column) != 2*n {
			return fmt.Errorf("%w: record of netuid %d, epoch %d: a column of %d bytes, want %d",
				ErrInvalid, r.Netuid, r.Epoch, len(column), 2*n)
		}
	}
	if len(r.Emissions) != n {
		return fmt.Errorf("%w: record of netuid %d, epoch %d: %d emissions, want %d", ErrInvalid, r.Netuid, r.Epoch, len(r.Emissions), n)
	}
	return nil
}

// Validate checks the carry's place and numbers.
func (c Carry) Validate() error {
	if err := checkPlace("carry", c.Netuid, 0); err != nil {
		return err
	}
	if c.DecidedHeight < 0 || c.Decided > Maturity {
		return fmt.Errorf("%w: carry of netuid %d: decided %d times, last at height %d", ErrInvalid, c.Netuid, c.Decided, c.DecidedHeight)
	}
	return nil
}

// Maturity is the number of epochs that a subnet must have decided to be young no more.
const Maturity = 10

// Young tells whether a subnet has decided too few epochs for anybody to know whose silence is unusual.
func (c Carry) Young() bool { return c.Decided < Maturity }

// After is how a subnet stands that decided epoch at a height.
func (c Carry) After(epoch uint64, height int64) Carry {
	return Carry{Netuid: c.Netuid, DecidedEpoch: epoch, DecidedHeight: height, Decided: min(c.Decided+1, Maturity)}
}
