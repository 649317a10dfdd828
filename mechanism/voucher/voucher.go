package voucher

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
)

// Why a voucher is not taken.
var (
	ErrMalformed = errors.New("malformed voucher")
	ErrForged    = errors.New("the signature is not by the channel's key")
	ErrExpired   = errors.New("the voucher has expired")
	ErrSettled   = errors.New("the voucher promises nothing that is not paid yet")
	ErrShrinks   = errors.New("the voucher promises less for a subnet than is paid for it")
	ErrExhausted = errors.New("the channel's deposit, or its key's cap, is paid out")
)

// domain stands in front of everything that is signed here, so that no other signature of the same key is a voucher.
const domain = "agora payment voucher v1\x00"

const maxChainID = 50 // bytes, CometBFT's own bound

// Voucher is a payer's promise: of the deposit of Channel the payee may have Parts in all, until Expiry.
type Voucher struct {
	Channel uint64
	Parts   Parts // cumulative since the channel was opened
	Expiry  int64 // Unix seconds of block time; 0 is never
}

// Total is everything promised, in rao.
func (v Voucher) Total() uint64 { return v.Parts.Total() }

// Check refuses what is no voucher whoever signed it. The error is ErrMalformed.
func (v Voucher) Check() error {
	if v.Channel == 0 || len(v.Parts) == 0 || v.Expiry < 0 {
		return fmt.Errorf("%w: channel %d, %d subnets, expiry %d", ErrMalformed, v.Channel, len(v.Parts), v.Expiry)
	}
	return v.Parts.Check()
}

// Bytes are what is signed: domain, length and text of the chain id, channel, expiry, number of parts, then netuid and
// amount of each; numbers are big-endian. Different vouchers, and those of different chains, have different bytes.
func (v Voucher) Bytes(chainID string) []byte {
	b := make([]byte, 0, len(domain)+1+len(chainID)+8+8+1+12*len(v.Parts))
	b = append(b, domain...)
	b = append(append(b, byte(len(chainID))), chainID...)
	b = binary.BigEndian.AppendUint64(b, v.Channel)
	b = binary.BigEndian.AppendUint64(b, uint64(v.Expiry))
	b = append(b, byte(len(v.Parts)))
	for _, part := range v.Parts {
		b = binary.BigEndian.AppendUint32(b, part.Netuid)
		b = binary.BigEndian.AppendUint64(b, part.Amount)
	}
	return b
}

// Sign signs a voucher for a chain with the channel's key. The error is ErrMalformed.
func (v Voucher) Sign(chainID string, key ed25519.PrivateKey) ([]byte, error) {
	if err := v.check(chainID); err != nil {
		return nil, err
	}
	return ed25519.Sign(key, v.Bytes(chainID)), nil
}

// Verify tells why a signature of v is none of key on a chain: ErrMalformed or ErrForged. It takes most of the time that a
// voucher costs.
func (v Voucher) Verify(chainID string, key ed25519.PublicKey, signature []byte) error {
	if err := v.check(chainID); err != nil {
		return err
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, v.Bytes(chainID), signature) {
		return ErrForged
	}
	return nil
}

func (v Voucher) check(chainID string) error {
	if chainID == "" || len(chainID) > maxChainID {
		return fmt.Errorf("%w: chain id of %d bytes, want 1 to %d", ErrMalformed, len(chainID), maxChainID)
	}
	return v.Check()
}

// Expired tells whether a voucher is worth nothing any more at a time in Unix seconds.
func (v Voucher) Expired(now int64) bool { return v.Expiry != 0 && now > v.Expiry }
