package types

import (
	"crypto/sha256"
	"encoding/binary"
)

// commitDomain keeps a commit's hash from being the hash of anything else.
const commitDomain = "agora/yuma/weights/v1"

// Length of a reveal's salt in bytes; long enough that weights cannot be guessed from their hash.
const (
	MinSalt = 16
	MaxSalt = 32
)

// MaxEntries is the most weights that one vector may hold.
const MaxEntries = 4_096

// CommitHash is what a voice commits to: SHA-256 over, all integers big-endian,
//
//	domain, chainID, hotKey    each behind its length in 4 bytes
//	netuid in 4 bytes, epoch in 8
//	the number of uids in 4, then every uid in 4
//	the number of weights in 4, then every weight in 4
//	salt                       behind its length in 4 bytes
//
// The weights are hashed as they will be sent, in their order. hotKey binds the commit to its maker: nobody can copy it.
func CommitHash(chainID string, netuid uint32, epoch uint64, hotKey []byte, uids, weights []uint32, salt []byte) [32]byte {
	b := make([]byte, 0, 128+8*len(uids))
	b = appendBytes(b, []byte(commitDomain))
	b = appendBytes(b, []byte(chainID))
	b = appendBytes(b, hotKey)
	b = binary.BigEndian.AppendUint32(b, netuid)
	b = binary.BigEndian.AppendUint64(b, epoch)
	b = appendUint32s(b, uids)
	b = appendUint32s(b, weights)
	b = appendBytes(b, salt)
	return sha256.Sum256(b)
}

func appendBytes(b, field []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
	return append(b, field...)
}

func appendUint32s(b []byte, values []uint32) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(values)))
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}
