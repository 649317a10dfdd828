// Package fixed is the arithmetic of money and consensus: binary fixed point on
// integers, the same bits on every machine.
//
// Three formats cover everything the mechanism needs. I32F32 holds shares and
// weights (one is 2^32), I64F64 holds stake while it is being normalised, and
// U96F32 holds amounts of rao multiplied by a share.
//
// Every operation is total. Addition, subtraction and multiplication saturate at
// the ends of the format; multiplication rounds toward minus infinity; division
// rounds toward zero, and a division by zero or one whose quotient does not fit
// is zero. No value is ever a NaN, no call panics, and nothing depends on the
// order in which independent values are computed.
package fixed
