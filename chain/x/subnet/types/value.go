package types

// At is the value in force at a time.
func (v Value) At(unixNano int64) int64 {
	if unixNano < v.FromUnixNano {
		return v.Before
	}
	return v.Value
}

// CheckFits holds the value, and the one that it replaces while it waits, to what any bounds of row can allow. The error is
// ErrOutOfBounds.
func (v Value) CheckFits(row Parameter) error {
	if v.FromUnixNano != 0 {
		if err := row.CheckStored(v.Before); err != nil {
			return err
		}
	}
	return row.CheckStored(v.Value)
}

// Waits tells whether a started subnet's change of the parameter called name waits, so that who has built on the old value
// has time to answer.
func Waits(name string, from, to int64) bool {
	return name == Openness && from != to || name == AuthorShare && to > from
}
