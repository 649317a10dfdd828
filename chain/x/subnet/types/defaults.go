package types

// TableVersion is the version of the parameter table; it rises with every default or bound that changes, and so does the
// module's consensus version.
const TableVersion = 4

// DefaultsV1 lists the defaults of version 1 of the table that version 2 replaced, for subnets that relied on them.
// Version 2 lowers max_burn from 100 to 10 TAO, so that a rush of registrations shuts newcomers out for half as long: the
// price falls from 100 TAO to 1 in 7 tempos, from 10 TAO in 4.
func DefaultsV1() []Value {
	return []Value{{Name: MaxBurn, Value: 100_000_000_000}}
}

// GoneInV3 lists the parameters that version 3 of the table has no more: seats change hands after the epoch only, and the
// price halves once per tempo.
var GoneInV3 = []string{"registrations_per_block", "burn_half_life"}
