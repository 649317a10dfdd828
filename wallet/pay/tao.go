package pay

import (
	"fmt"
	"strconv"
	"strings"
)

const decimals = 9 // of a TAO

// ParseTAO reads a decimal of TAO as rao: at most nine decimals, none lost.
func ParseTAO(text string) (uint64, error) {
	whole, part, _ := strings.Cut(text, ".")
	if len(part) > decimals || whole == "" {
		return 0, fmt.Errorf("%q is no amount of TAO with at most %d decimals", text, decimals)
	}
	rao, err := strconv.ParseUint(whole+part+strings.Repeat("0", decimals-len(part)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no amount of TAO", text)
	}
	return rao, nil
}
