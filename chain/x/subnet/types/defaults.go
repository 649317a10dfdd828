package types

// TableVersion is the version of the parameter table; it rises with every default that changes, and so does the module's
// consensus version.
const TableVersion = 2

// DefaultsV1 lists the defaults of version 1 of the table that version 2 replaced, for subnets that relied on them.
// Version 2 lowers max_burn from 100 to 10 TAO, so that a rush of registrations shuts newcomers out for half as long: with
// a halving in 360 blocks the price falls from 100 TAO to 1 in 2,392 blocks, from 10 TAO in 1,196.
func DefaultsV1() []Value {
	return []Value{{Name: MaxBurn, Value: 100_000_000_000}}
}
