package network

import (
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// Account reads an account's address in its one spelling. Bech32 may also be written in capitals; where state is keyed by
// the text, a second spelling would be a second person.
func Account(text string) (sdk.AccAddress, error) {
	address, err := sdk.AccAddressFromBech32(text)
	if err != nil {
		return nil, err
	}
	if one := address.String(); text != one {
		return nil, fmt.Errorf("write the address as %s", one)
	}
	return address, nil
}
