package price

import (
	"math"
	"math/bits"
)

// Units of gas prices.
const (
	// Million is the gas that a gas price is for.
	Million = 1_000_000
	// Full is the fullness of a block in which no transaction has room any more, in millionths.
	Full = 1_000_000
	// MostGas is the highest gas price, in rao per million gas.
	MostGas = 10_000_000_000_000
)

// Gas is the gas price after a block that was filled to fullness, in millionths of what it could hold:
//
//	p' = p · (1 + (2f − 1)/8)
//
// between floor and MostGas, rounded down. A full block adds an eighth, an empty one takes an eighth away, a half-full one
// changes nothing: after 60 full blocks a price is 1,173 times as high. The rule is EIP-1559's.
func Gas(price, fullness, floor uint64) uint64 {
	const eighths = 8 * Full
	high, low := bits.Mul64(min(price, MostGas), 7*Full+2*min(fullness, Full))
	next, _ := bits.Div64(high, low, eighths) // high < eighths: MostGas · 9 · Full is below eighths · 2^64
	return min(max(next, floor), MostGas)
}

// GasFee is what gas costs at price, in rao, rounded up.
func GasFee(gas, price uint64) uint64 {
	high, low := bits.Mul64(gas, price)
	low, carry := bits.Add64(low, Million-1, 0)
	if high += carry; high >= Million {
		return math.MaxUint64
	}
	fee, _ := bits.Div64(high, low, Million)
	return fee
}

// GasBid is the gas price that a fee offers, in rao per million gas, rounded down; 0 gas is bid for with 0.
func GasBid(fee, gas uint64) uint64 {
	high, low := bits.Mul64(fee, Million)
	if gas == 0 {
		return 0
	}
	if high >= gas {
		return math.MaxUint64
	}
	bid, _ := bits.Div64(high, low, gas)
	return bid
}

// Fullness is how much of what a block could hold it held, in millionths. Without a limit (0) nothing is full.
func Fullness(held, limit uint64) uint64 {
	if limit == 0 {
		return 0
	}
	if held >= limit {
		return Full
	}
	high, low := bits.Mul64(held, Full)
	share, _ := bits.Div64(high, low, limit)
	return share
}
