package ledger

import (
	"encoding/binary"
	"fmt"

	"agora/mechanism/voucher"
)

const partSize = 12

// packParts are 12 bytes for each part: netuid and amount, big-endian.
func packParts(parts voucher.Parts) []byte {
	b := make([]byte, 0, partSize*len(parts))
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, p.Netuid)
		b = binary.BigEndian.AppendUint64(b, p.Amount)
	}
	return b
}

func unpackParts(b []byte) (voucher.Parts, error) {
	if len(b)%partSize != 0 || len(b) > partSize*voucher.MaxParts {
		return nil, fmt.Errorf("ledger: parts of %d bytes", len(b))
	}
	var parts voucher.Parts
	for ; len(b) > 0; b = b[partSize:] {
		parts = append(parts, voucher.Part{Netuid: binary.BigEndian.Uint32(b), Amount: binary.BigEndian.Uint64(b[4:])})
	}
	return parts, parts.Check()
}

// packVoucher is channel and expiry, 8 bytes each, and the parts.
func packVoucher(v voucher.Voucher) []byte {
	b := binary.BigEndian.AppendUint64(nil, v.Channel)
	b = binary.BigEndian.AppendUint64(b, uint64(v.Expiry))
	return append(b, packParts(v.Parts)...)
}

func unpackVoucher(b []byte) (v voucher.Voucher, err error) {
	if len(b) == 0 {
		return v, nil
	}
	if len(b) < 16 {
		return v, fmt.Errorf("ledger: voucher of %d bytes", len(b))
	}
	v.Channel, v.Expiry = binary.BigEndian.Uint64(b), int64(binary.BigEndian.Uint64(b[8:]))
	v.Parts, err = unpackParts(b[16:])
	return v, err
}
