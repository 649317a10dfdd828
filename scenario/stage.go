package scenario

import (
	"fmt"
	"slices"
	"strconv"

	"cosmossdk.io/math"

	"agora/chain/network"
)

// mostTAO is all the money that can ever exist.
const mostTAO = 21_000_000

// tao reads an amount of TAO, with decimals, as rao.
func tao(word string) (uint64, error) {
	d, err := math.LegacyNewDecFromStr(word)
	if err != nil || d.IsNegative() || d.GT(math.LegacyNewDec(mostTAO)) {
		return 0, fmt.Errorf("%q is no amount of TAO", word)
	}
	return d.MulInt64(network.TAO).TruncateInt().Uint64(), nil
}

// amounts calls set with each pair of a name and an amount of TAO.
func amounts(words []string, set func(name string, rao uint64)) error {
	if len(words)%2 != 0 {
		return fmt.Errorf("%q: want pairs of a name and an amount", words)
	}
	for pair := range slices.Chunk(words, 2) {
		rao, err := tao(pair[1])
		if err != nil {
			return err
		}
		set(pair[0], rao)
	}
	return nil
}

func (w *World) cmdStake(words []string) error {
	if w.plan.stakes == nil {
		w.plan.stakes = map[string]uint64{}
	}
	return amounts(words, func(name string, rao uint64) {
		w.plan.introduce(name)
		w.plan.stakes[name] = rao
		w.people.names = append(w.people.names, name)
	})
}

func (w *World) cmdFunds(words []string) error {
	return amounts(words, func(name string, rao uint64) {
		w.plan.introduce(name)
		w.plan.funds[name] = rao
	})
}

func (w *World) cmdParams(words []string) error {
	values, err := settings(words[1:])
	if w.plan.params == nil {
		w.plan.params = map[string]map[string]string{}
	}
	w.plan.params[words[0]] = values
	return err
}

// cmdSubnet reads NAME [name=value]… [voices NAME…] [miners NAME…]. A subnet has a tempo of 10 and a reveal delay of 1
// unless it says otherwise.
func (w *World) cmdSubnet(words []string) error {
	m := market{name: words[0], owner: "owner", values: map[string]int64{"tempo": 10, "reveal_delay": 1}}
	rest := words[1:]
	stop := slices.IndexFunc(rest, func(s string) bool { return s == "voices" || s == "miners" })
	if stop < 0 {
		stop = len(rest)
	}
	values, err := settings(rest[:stop])
	if err != nil {
		return err
	}
	for name, value := range values {
		if name == "owner" {
			m.owner = value
			continue
		}
		if m.values[name], err = strconv.ParseInt(value, 10, 64); err != nil {
			return err
		}
	}
	m.cast(rest[stop:])
	w.plan.subnets, w.current = append(w.plan.subnets, m), m.name
	return nil
}

// cast reads who speaks and who mines.
func (m *market) cast(words []string) {
	list := &m.miners
	for _, word := range words {
		switch word {
		case "voices":
			list = &m.voices
			*list = []string{}
		case "miners":
			list = &m.miners
		default:
			*list = append(*list, word)
		}
	}
}
