package types

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// seedDomain keeps a seed from being the hash of anything else.
const seedDomain = "agora/yuma/seed/v1"

// KeptSeeds is how many tempos of a subnet the chain can tell the seed of: twelve weeks of 12 minutes.
const KeptSeeds = 10_080

// NextSeed is the seed of the tempo that epoch counts, which nobody chose: SHA-256 over, all integers big-endian,
//
//	domain, chainID    each behind its length in 4 bytes
//	netuid in 4 bytes, epoch in 8
//	the number of salts in 4, then every salt behind its length in 4
//	without salts also the seed of the tempo before, empty if it has none
//
// salts are those of the reveals of the tempo before, in order of uid. Who withholds his has one choice of two, and his
// weights are not in force.
func NextSeed(chainID string, netuid uint32, epoch uint64, salts [][]byte, before []byte) [32]byte {
	b := appendBytes(nil, []byte(seedDomain))
	b = appendBytes(b, []byte(chainID))
	b = binary.BigEndian.AppendUint32(b, netuid)
	b = binary.BigEndian.AppendUint64(b, epoch)
	b = binary.BigEndian.AppendUint32(b, uint32(len(salts)))
	for _, salt := range salts {
		b = appendBytes(b, salt)
	}
	if len(salts) == 0 {
		b = appendBytes(b, before)
	}
	return sha256.Sum256(b)
}

// Validate checks a stored seed by itself. The error is ErrInvalid.
func (s Seed) Validate() error {
	if s.Netuid == 0 || s.Height < 0 || len(s.Seed) != sha256.Size || s.Reveals > MaxEntries {
		return fmt.Errorf("%w: a seed of %d bytes over %d salts for epoch %d of netuid %d at height %d",
			ErrInvalid, len(s.Seed), s.Reveals, s.Epoch, s.Netuid, s.Height)
	}
	return nil
}
