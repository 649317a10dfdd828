package types

import (
	"fmt"
	"math"

	subnettypes "agora/chain/x/subnet/types"
)

// Value is the hyperparameter called name, 0 for one that is not in the table.
func (s Snapshot) Value(name string) int64 {
	if setting := s.Find(name); setting != nil {
		return setting.Value
	}
	return 0
}

// Find is the setting of a hyperparameter, nil if the snapshot has none.
func (s Snapshot) Find(name string) *Setting {
	for i := range s.Settings {
		if s.Settings[i].Name == name {
			return &s.Settings[i]
		}
	}
	return nil
}

// Validate checks that the snapshot has every parameter of the table and that its voices sit in it, by uid. The error is
// ErrInvalid or ErrParams.
func (s Snapshot) Validate() error {
	if err := checkPlace("snapshot", s.Netuid, 0); err != nil {
		return err
	}
	if err := s.Params.Validate(); err != nil {
		return err
	}
	table := subnettypes.Table()
	if s.Height < 0 || s.Seats > MaxEntries || len(s.Settings) != len(table) || s.OwnerShare > math.MaxUint16 {
		return fmt.Errorf("%w: snapshot of netuid %d at height %d with %d seats, %d of %d parameters and an owner's share of %d",
			ErrInvalid, s.Netuid, s.Height, s.Seats, len(s.Settings), len(table), s.OwnerShare)
	}
	for i, row := range table {
		if s.Settings[i].Name != row.Name {
			return fmt.Errorf("%w: snapshot of netuid %d: parameter %d is %.40q, want %s",
				ErrInvalid, s.Netuid, i, s.Settings[i].Name, row.Name)
		}
		if err := row.CheckStored(s.Settings[i].Value); err != nil {
			return err
		}
	}
	return s.checkSpeakers()
}

func (s Snapshot) checkSpeakers() error {
	next := uint32(0)
	for _, v := range s.Speakers {
		if v.Uid < next || v.Uid >= s.Seats || v.Permitted && v.Stake == 0 {
			return fmt.Errorf("%w: snapshot of netuid %d with %d seats: a voice with %d rao at uid %d, want uids in order",
				ErrInvalid, s.Netuid, s.Seats, v.Stake, v.Uid)
		}
		if err := subnettypes.CheckSpelling("operator", v.Operator); err != nil {
			return err
		}
		next = v.Uid + 1
	}
	return nil
}
