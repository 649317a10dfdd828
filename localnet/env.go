package localnet

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Environment is the description of the market on home as lines that a shell can eval.
func Environment(home string) (string, error) {
	d, err := ReadDescription(home)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no market at %s: start one with `agora localnet --home %s`", home, home)
	}
	if err != nil {
		return "", err
	}
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "export %s='%s'\n", name, value) }
	set("AGORA_URL", d.Gateways[0].URL)
	set("AGORA_KEY", d.Gateways[0].Key)
	set("AGORA_WEB", d.Web)
	set("AGORA_REST", d.REST)
	for i, v := range d.Validators {
		set(fmt.Sprintf("VALIDATOR%d", i), v.Operator)
	}
	return b.String(), nil
}
