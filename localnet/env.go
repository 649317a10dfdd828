package localnet

import (
	"errors"
	"fmt"
	"io/fs"
)

// Variable is what a shell should know of a market.
type Variable struct{ Name, Value string }

// Environment is the description of the market on home as variables. AGORA_WALLET makes every command of the program
// use the market's chain and keys.
func Environment(home string) ([]Variable, error) {
	d, err := ReadDescription(home)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no market at %s: start one with `agora localnet --home %s`", home, home)
	}
	if err != nil {
		return nil, err
	}
	list := []Variable{
		{"AGORA_WALLET", home},
		{"AGORA_URL", d.Gateways[0].URL},
		{"AGORA_KEY", d.Gateways[0].Key},
		{"AGORA_WEB", d.Web},
		{"AGORA_REST", d.REST},
	}
	for i, v := range d.Validators {
		list = append(list, Variable{fmt.Sprintf("VALIDATOR%d", i), v.Operator})
	}
	return list, nil
}
