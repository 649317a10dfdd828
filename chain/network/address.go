package network

import (
	"errors"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"cosmossdk.io/core/address"

	addresscodec "github.com/cosmos/cosmos-sdk/codec/address"
	sdk "github.com/cosmos/cosmos-sdk/types"
)

// remembered is how many addresses a codec keeps, some 200 bytes each: more than an epoch of every subnet pays.
const remembered = 1 << 16

// Accounts, Operators and Consensors are the codecs of account, operator and consensus addresses. They may be used by
// several goroutines at once.
var (
	Accounts   = newCodec(Prefix)
	Operators  = newCodec(Prefix + "valoper")
	Consensors = newCodec(Prefix + "valcons")
)

// Account reads an account's address in its one spelling. Bech32 may also be written in capitals; where state is keyed by
// the text, a second spelling would be a second person.
func Account(text string) (sdk.AccAddress, error) {
	address, err := Accounts.StringToBytes(text)
	if err != nil {
		return nil, err
	}
	if one, err := Accounts.BytesToString(address); err != nil || text != one {
		return nil, errors.Join(err, fmt.Errorf("write the address as %s", one))
	}
	return address, nil
}

// codec remembers the addresses that it has translated: the checksum of one costs more than moving coins to it.
type codec struct {
	address.Codec
	bytes *lru.Cache[string, string] // by text
	texts *lru.Cache[string, string] // by bytes
}

func newCodec(prefix string) address.Codec {
	c := codec{Codec: addresscodec.NewBech32Codec(prefix)}
	for _, cache := range []**lru.Cache[string, string]{&c.bytes, &c.texts} {
		var err error
		if *cache, err = lru.New[string, string](remembered); err != nil {
			panic(err) // the size is a constant
		}
	}
	return c
}

// StringToBytes implements address.Codec. The caller owns the result.
func (c codec) StringToBytes(text string) ([]byte, error) {
	if known, ok := c.bytes.Get(text); ok {
		return []byte(known), nil
	}
	b, err := c.Codec.StringToBytes(text)
	if err == nil {
		c.bytes.Add(text, string(b))
	}
	return b, err
}

// BytesToString implements address.Codec.
func (c codec) BytesToString(b []byte) (string, error) {
	if known, ok := c.texts.Get(string(b)); ok {
		return known, nil
	}
	text, err := c.Codec.BytesToString(b)
	if err == nil {
		c.texts.Add(string(b), text)
	}
	return text, err
}
