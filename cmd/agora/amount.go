package main

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cosmossdk.io/math"

	"agora/chain/network"
)

// amount is one or several amounts of money as people write them: 5rao, 1.5tao, 2TAO.
var (
	amount  = regexp.MustCompile(`^\d+(\.\d+)?(rao|tao|TAO)(,\d+(\.\d+)?(rao|tao|TAO))*$`)
	figures = regexp.MustCompile(`^(\d+(?:\.\d+)?)(rao|tao|TAO)$`)
)

// literal are the flags whose values are no amounts even where they look like one, or may be parts of a rao.
var literal = map[string]bool{"note": true, "gas-prices": true, "minimum-gas-prices": true, "home": true, "from": true}

// inRao writes every amount of a command line in whole rao, so that TAO with decimals are understood and parts of a rao,
// which the SDK would cut off, are refused. A flag that counts rao as a number gets the number.
func inRao(root *cobra.Command, args []string) ([]string, error) {
	cmd, _, err := root.Find(args)
	if err != nil || !spends(cmd) {
		return args, nil
	}
	out := make([]string, len(args))
	before := "" // name of the flag whose value comes next
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		switch {
		case strings.HasPrefix(arg, "--") && joined:
			if value, err = converted(cmd, strings.TrimPrefix(name, "--"), value); err != nil {
				return nil, err
			}
			out[i] = name + "=" + value
		default:
			if out[i], err = converted(cmd, before, arg); err != nil {
				return nil, err
			}
		}
		before = ""
		if strings.HasPrefix(arg, "--") && !joined {
			before = strings.TrimPrefix(arg, "--")
		}
	}
	return out, nil
}

// spends tells whether a command's arguments can be money: those of tx and of a node's genesis.
func spends(cmd *cobra.Command) bool {
	path := cmd.CommandPath() + " "
	return strings.HasPrefix(path, "agora tx ") || strings.HasPrefix(path, "agora node genesis ")
}

func converted(cmd *cobra.Command, flag, value string) (string, error) {
	if literal[flag] || !amount.MatchString(value) {
		return value, nil
	}
	var coins []string
	for _, part := range strings.Split(value, ",") {
		n, err := rao(part)
		if err != nil {
			return "", usageError{err}
		}
		coins = append(coins, n.String()+network.Denom)
	}
	if f := cmd.Flags().Lookup(flag); f != nil && counts(f) && len(coins) == 1 {
		return strings.TrimSuffix(coins[0], network.Denom), nil
	}
	return strings.Join(coins, ","), nil
}

// counts tells whether a flag takes a bare number.
func counts(f *pflag.Flag) bool {
	return strings.HasPrefix(f.Value.Type(), "uint") || strings.HasPrefix(f.Value.Type(), "int")
}

// rao reads one amount exactly.
func rao(text string) (math.Int, error) {
	found := figures.FindStringSubmatch(text)
	if found == nil {
		return math.Int{}, fmt.Errorf("%s is no amount: write 5rao or 1.5tao", text)
	}
	whole, decimals, _ := strings.Cut(found[1], ".")
	places := 0
	if found[2] != network.Denom {
		places = 9
	}
	decimals = strings.TrimRight(decimals, "0")
	if len(decimals) > places {
		return math.Int{}, fmt.Errorf("%s: there is nothing smaller than a rao, and 1 TAO is 1,000,000,000 of them", text)
	}
	all := strings.TrimLeft(whole+decimals+strings.Repeat("0", places-len(decimals)), "0") // a leading 0 would make it octal
	n, ok := math.NewIntFromString(cmp.Or(all, "0"))
	if !ok {
		return math.Int{}, fmt.Errorf("%s is more than can be counted", text)
	}
	return n, nil
}
