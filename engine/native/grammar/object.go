package grammar

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// property is one named value of an object.
type property struct {
	pair     sequence // name, colon, value
	required bool
}

// properties compiles an object. With properties it has these, in their order, the required ones always and no others;
// without, any names whose values follow additionalProperties.
func (n *node) properties() (sequence, error) {
	required, err := n.required()
	if err != nil {
		return nil, err
	}
	extra, free := n.keys["additionalProperties"]
	delete(n.keys, "additionalProperties")
	raw, ok := n.keys["properties"]
	if !ok {
		if len(required) > 0 {
			return nil, fmt.Errorf("%s: required names %q, which is no property", n.path, required[0])
		}
		return n.freeObject(extra, free)
	}
	delete(n.keys, "properties")
	list, err := n.propertyList(raw, required)
	if err != nil {
		return nil, err
	}
	space := sequence{n.space()}
	memo := map[int]int{}
	return join(word("{"), space, n.rest(list, 0, true, memo), word("}")), nil
}

func (n *node) required() ([]string, error) {
	raw, ok := n.keys["required"]
	if !ok {
		return nil, nil
	}
	delete(n.keys, "required")
	var names []string
	if json.Unmarshal(raw, &names) != nil {
		return nil, fmt.Errorf("%s: required wants a list of names", n.path)
	}
	return names, nil
}

func (n *node) freeObject(extra json.RawMessage, free bool) (sequence, error) {
	if !free {
		return sequence{n.object()}, nil
	}
	if bytes.Equal(bytes.TrimSpace(extra), []byte("false")) {
		return join(word("{"), sequence{n.space()}, word("}")), nil
	}
	value, err := n.schema(extra, n.path+".additionalProperties", n.depth+1)
	if err != nil {
		return nil, err
	}
	return n.members(value), nil
}

func (n *node) propertyList(raw json.RawMessage, required []string) ([]property, error) {
	names, values, err := ordered(raw)
	if err != nil {
		return nil, fmt.Errorf("%s.properties: %w", n.path, err)
	}
	for _, name := range required {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("%s: required names %q, which is no property", n.path, name)
		}
	}
	list := make([]property, len(names))
	for i, name := range names {
		value, err := n.schema(values[i], n.path+"."+name, n.depth+1)
		if err != nil {
			return nil, err
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		key, err := literal(quoted)
		if err != nil {
			return nil, err
		}
		list[i] = property{join(key, sequence{n.space()}, word(":"), sequence{n.space()}, value, sequence{n.space()}), slices.Contains(required, name)}
	}
	return list, nil
}

// rest is what may follow when properties before i are done; first says that none was written. memo holds the rules of
// (i, first) that are made, so that n optional properties take 2n rules and not 2^n.
func (n *node) rest(list []property, i int, first bool, memo map[int]int) sequence {
	if i == len(list) {
		return nil
	}
	key := 2 * i
	if first {
		key++
	}
	if r, ok := memo[key]; ok {
		return sequence{ref(r)}
	}
	pair := list[i].pair
	if !first {
		pair = join(word(","), sequence{n.space()}, pair)
	}
	choices := []sequence{join(pair, n.rest(list, i+1, false, memo))}
	if !list[i].required {
		choices = append(choices, n.rest(list, i+1, first, memo))
	}
	memo[key] = n.rule(choices...)
	return sequence{ref(memo[key])}
}

// members reads a JSON object into its parts.
func members(raw json.RawMessage) (map[string]json.RawMessage, error) {
	names, values, err := ordered(raw)
	if err != nil {
		return nil, err
	}
	keys := make(map[string]json.RawMessage, len(names))
	for i, name := range names {
		keys[name] = values[i]
	}
	return keys, nil
}

// ordered reads a JSON object into names and values, in their order; a name that stands twice is refused.
func ordered(raw json.RawMessage) (names []string, values []json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, fmt.Errorf("a JSON object is wanted")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		name := t.(string)
		if slices.Contains(names, name) {
			return nil, nil, fmt.Errorf("%q stands twice", name)
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, nil, err
		}
		names, values = append(names, name), append(values, v)
	}
	_, err = d.Token()
	return names, values, err
}

// endless finds a rule that begins with itself, or from which no end can be reached: a schema such as {"$ref":"#"}, or one
// whose every value holds another.
func (b *builder) endless() error {
	if len(b.rules) > maxRules {
		return fmt.Errorf("it expands to more than %d rules: ask for shorter lists and texts", maxRules)
	}
	ends := make([]bool, len(b.rules))
	for changed := true; changed; {
		changed = false
		for r, choices := range b.rules {
			if !ends[r] && slices.ContainsFunc(choices, func(s sequence) bool {
				return !slices.ContainsFunc(s, func(e element) bool { return e.rule >= 0 && !ends[e.rule] })
			}) {
				ends[r], changed = true, true
			}
		}
	}
	if slices.Contains(ends, false) {
		return fmt.Errorf("some value would have to hold itself without end")
	}
	return b.circular()
}

// circular finds a rule that can begin with itself.
func (b *builder) circular() error {
	const unseen, open, done = 0, 1, 2
	empty := b.empties()
	state := make([]byte, len(b.rules))
	var visit func(int) bool
	visit = func(r int) bool {
		if state[r] != unseen {
			return state[r] == done
		}
		state[r] = open
		for _, s := range b.rules[r] {
			for _, e := range s {
				if e.rule < 0 {
					break
				}
				if !visit(e.rule) {
					return false
				}
				if !empty[e.rule] {
					break
				}
			}
		}
		state[r] = done
		return true
	}
	for r := range b.rules {
		if !visit(r) {
			return fmt.Errorf("a $ref leads back to itself")
		}
	}
	return nil
}

// empties says which rules can be nothing.
func (b *builder) empties() []bool {
	empty := make([]bool, len(b.rules))
	for changed := true; changed; {
		changed = false
		for r, choices := range b.rules {
			if !empty[r] && slices.ContainsFunc(choices, func(s sequence) bool {
				return !slices.ContainsFunc(s, func(e element) bool { return e.rule < 0 || !empty[e.rule] })
			}) {
				empty[r], changed = true, true
			}
		}
	}
	return empty
}
