package voucher

// Channel is what the chain knows of a channel when a voucher is settled, in rao.
type Channel struct {
	Deposit uint64 // all that the payer has put in
	Cap     uint64 // most that the signing key may promise; 0 is the whole deposit
	Paid    Parts  // to the payee until now
}

// Limit is the most that can be paid in all.
func (c Channel) Limit() uint64 {
	if c.Cap > 0 {
		return min(c.Cap, c.Deposit)
	}
	return c.Deposit
}

// Settle is what a voucher pays now, at most asked rao in all since the channel began (0 is all that is promised): what
// is promised beyond what was paid, in the order of netuids, until the limit is reached. c.Paid and the result add up to
// what is paid then. Signature and expiry are not looked at. Errors: ErrMalformed, ErrShrinks, ErrSettled, ErrExhausted.
func Settle(c Channel, v Voucher, asked uint64) (Parts, error) {
	if err := v.Check(); err != nil {
		return nil, err
	}
	if !v.Parts.Covers(c.Paid) {
		return nil, ErrShrinks
	}
	paid, upTo := c.Paid.Total(), v.Total()
	if asked > 0 {
		upTo = min(upTo, asked)
	}
	if upTo <= paid {
		return nil, ErrSettled
	}
	if c.Limit() <= paid {
		return nil, ErrExhausted
	}
	return v.Parts.Minus(c.Paid).UpTo(min(upTo, c.Limit()) - paid), nil
}
