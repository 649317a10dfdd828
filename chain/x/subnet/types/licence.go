package types

import "slices"

// licences gives each licence that a subnet can ask for its bit in the parameter, lowest first. Append only.
var licences = []string{
	"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "Unlicense", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0",
	"MPL-2.0", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "AGPL-3.0-only", "AGPL-3.0-or-later",
	"LGPL-3.0-only", "LGPL-3.0-or-later", "EUPL-1.2",
}

// LicenceBits returns the licences that the parameter knows, SPDX, that of bit 0 first.
func LicenceBits() []string { return slices.Clone(licences) }

// TakesLicence tells whether a subnet whose parameter is value takes models under an SPDX licence; 0 takes any.
func TakesLicence(value int64, licence string) bool {
	if value == 0 {
		return true
	}
	bit := slices.Index(licences, licence)
	return bit >= 0 && value>>bit&1 == 1
}

// LicenceValue is the parameter's value that takes these licences and no other; false if it does not know one of them.
func LicenceValue(taken ...string) (value int64, ok bool) {
	for _, licence := range taken {
		bit := slices.Index(licences, licence)
		if bit < 0 {
			return 0, false
		}
		value |= 1 << bit
	}
	return value, true
}
