package grammar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// ErrSchema is what every error of Schema is; the text says where and what.
var ErrSchema = errors.New("schema cannot be followed")

const (
	maxSchema = 64 << 10 // bytes of a schema
	maxRepeat = 1000     // of minItems, maxItems, minLength, maxLength
	maxDepth  = 64       // of a schema in a schema
)

// annotations say nothing about the form.
var annotations = []string{"title", "description", "default", "examples", "$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly", "$defs", "definitions"}

// Schema compiles a JSON Schema: type (also a list), properties in the order in which they stand, required,
// additionalProperties, items, minItems, maxItems, minLength, maxLength, enum, const, anyOf, allOf of one, $ref within
// the document, true and {}. An object with properties has no others. Any other keyword is refused by name.
func Schema(raw json.RawMessage) (*Grammar, error) {
	if len(raw) > maxSchema {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are read", ErrSchema, len(raw), maxSchema)
	}
	c := &compiler{builder: builder{shared: map[string]int{}}, root: raw}
	s, err := c.schema(raw, "$", 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	start := c.rule(s)
	if err := c.endless(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	return &Grammar{rules: c.rules, start: start}, nil
}

type compiler struct {
	builder
	root json.RawMessage
}

// schema compiles a part of the schema. path says where it stands.
func (c *compiler) schema(raw json.RawMessage, path string, depth int) (sequence, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%s is nested more than %d deep", path, maxDepth)
	}
	if len(c.rules) > maxRules {
		return nil, fmt.Errorf("it expands to more than %d rules: ask for shorter lists and texts", maxRules)
	}
	if t := bytes.TrimSpace(raw); bytes.Equal(t, []byte("true")) {
		return sequence{c.value()}, nil
	}
	keys, err := members(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	n := &node{compiler: c, keys: keys, path: path, depth: depth}
	return n.compile()
}

// node is one schema in the making. What it reads is taken off keys; what is left is not understood.
type node struct {
	*compiler
	keys  map[string]json.RawMessage
	path  string
	depth int
}

func (n *node) compile() (sequence, error) {
	for _, k := range annotations {
		delete(n.keys, k)
	}
	for _, whole := range []struct {
		key     string
		compile func(json.RawMessage) (sequence, error)
	}{{"$ref", n.reference}, {"anyOf", n.anyOf}, {"allOf", n.allOf}, {"const", n.constant}, {"enum", n.enum}} {
		raw, ok := n.keys[whole.key]
		if !ok {
			continue
		}
		delete(n.keys, whole.key)
		s, err := whole.compile(raw)
		if err != nil {
			return nil, err
		}
		return s, n.leftover()
	}
	return n.typed()
}

func (n *node) leftover() error {
	if len(n.keys) == 0 {
		return nil
	}
	return fmt.Errorf("%s: the keyword %q is not supported here", n.path, slices.Min(slices.Collect(maps.Keys(n.keys))))
}

// reference follows "#/…". A schema may refer to itself.
func (n *node) reference(raw json.RawMessage) (sequence, error) {
	var pointer string
	if json.Unmarshal(raw, &pointer) != nil || !strings.HasPrefix(pointer, "#") {
		return nil, fmt.Errorf("%s: $ref %s is not within the schema", n.path, raw)
	}
	target := n.root
	for _, name := range strings.Split(pointer, "/")[1:] {
		keys, err := members(target)
		if err != nil {
			return nil, fmt.Errorf("%s: $ref %q leads nowhere", n.path, pointer)
		}
		var ok bool
		if target, ok = keys[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]; !ok {
			return nil, fmt.Errorf("%s: $ref %q leads nowhere", n.path, pointer)
		}
	}
	var err error
	rule := n.once("$ref "+pointer, func() []sequence {
		var s sequence
		s, err = n.schema(target, pointer, n.depth+1)
		return []sequence{s}
	})
	return sequence{ref(rule)}, err
}

func (n *node) anyOf(raw json.RawMessage) (sequence, error) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil, fmt.Errorf("%s: anyOf wants a list of schemas", n.path)
	}
	choices := make([]sequence, len(list))
	for i, one := range list {
		var err error
		if choices[i], err = n.schema(one, fmt.Sprintf("%s.anyOf[%d]", n.path, i), n.depth+1); err != nil {
			return nil, err
		}
	}
	return sequence{ref(n.rule(choices...))}, nil
}

func (n *node) allOf(raw json.RawMessage) (sequence, error) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) != 1 {
		return nil, fmt.Errorf("%s: allOf is supported for one schema only", n.path)
	}
	return n.schema(list[0], n.path+".allOf[0]", n.depth+1)
}

func (n *node) constant(raw json.RawMessage) (sequence, error) {
	delete(n.keys, "type")
	s, err := literal(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: const: %w", n.path, err)
	}
	return s, nil
}

func (n *node) enum(raw json.RawMessage) (sequence, error) {
	types, err := n.types()
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, fmt.Errorf("%s: enum wants a list", n.path)
	}
	var choices []sequence
	for _, one := range list {
		if len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool { return isOf(one, t) }) {
			continue
		}
		s, err := literal(one)
		if err != nil {
			return nil, fmt.Errorf("%s: enum: %w", n.path, err)
		}
		choices = append(choices, s)
	}
	if len(choices) == 0 {
		return nil, fmt.Errorf("%s: enum allows nothing", n.path)
	}
	return sequence{ref(n.rule(choices...))}, nil
}

// isOf says whether a literal is of a type.
func isOf(raw json.RawMessage, kind string) bool {
	switch raw = bytes.TrimSpace(raw); raw[0] {
	case '"':
		return kind == "string"
	case '{':
		return kind == "object"
	case '[':
		return kind == "array"
	case 't', 'f':
		return kind == "boolean"
	case 'n':
		return kind == "null"
	}
	return kind == "number" || (kind == "integer" && !bytes.ContainsAny(raw, ".eE"))
}

// literal is exactly this value, in its shortest spelling.
func literal(raw json.RawMessage) (sequence, error) {
	var line, plain bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return nil, err
	}
	if line.Bytes()[0] != '"' {
		return word(line.String()), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, err
	}
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return nil, err
	}
	return word(strings.TrimSuffix(plain.String(), "\n")), nil
}

// types takes the type off: one or a list; none where the schema has none.
func (n *node) types() ([]string, error) {
	raw, ok := n.keys["type"]
	if !ok {
		return nil, nil
	}
	delete(n.keys, "type")
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil, fmt.Errorf("%s: type wants a name or a list of names", n.path)
	}
	return list, nil
}

// typed compiles a schema that goes by its type; without one, by what its keywords are for.
func (n *node) typed() (sequence, error) {
	types, err := n.types()
	if err != nil {
		return nil, err
	}
	if len(types) == 0 {
		switch {
		case len(n.keys) == 0:
			return sequence{n.value()}, nil
		case n.keys["properties"] != nil:
			types = []string{"object"}
		case n.keys["items"] != nil:
			types = []string{"array"}
		}
	}
	var choices []sequence
	for _, kind := range types {
		s, err := n.kind(kind)
		if err != nil {
			return nil, err
		}
		choices = append(choices, s)
	}
	if err := n.leftover(); err != nil {
		return nil, err
	}
	return sequence{ref(n.rule(choices...))}, nil
}

func (n *node) kind(kind string) (sequence, error) {
	switch kind {
	case "object":
		return n.properties()
	case "array":
		return n.items()
	case "string":
		least, most, err := n.range2("minLength", "maxLength")
		if err != nil {
			return nil, err
		}
		return n.text(least, most), nil
	case "integer":
		return sequence{n.integer()}, nil
	case "number":
		return sequence{n.number()}, nil
	case "boolean":
		return sequence{ref(n.rule(word("true"), word("false")))}, nil
	case "null":
		return word("null"), nil
	}
	return nil, fmt.Errorf("%s: there is no type %q", n.path, kind)
}

// range2 takes two bounds off; most is -1 where there is none.
func (n *node) range2(low, high string) (least, most int, err error) {
	least, most = 0, -1
	for _, b := range []struct {
		key string
		to  *int
	}{{low, &least}, {high, &most}} {
		raw, ok := n.keys[b.key]
		if !ok {
			continue
		}
		delete(n.keys, b.key)
		var v float64
		if json.Unmarshal(raw, &v) != nil || v < 0 || v > maxRepeat || v != math.Trunc(v) {
			return 0, 0, fmt.Errorf("%s: %s is %s, want a whole number from 0 to %d", n.path, b.key, raw, maxRepeat)
		}
		*b.to = int(v)
	}
	if most >= 0 && least > most {
		return 0, 0, fmt.Errorf("%s: %s is above %s", n.path, low, high)
	}
	return least, most, nil
}

func (n *node) items() (sequence, error) {
	least, most, err := n.range2("minItems", "maxItems")
	if err != nil {
		return nil, err
	}
	item := sequence{n.value()}
	if raw, ok := n.keys["items"]; ok {
		delete(n.keys, "items")
		if item, err = n.schema(raw, n.path+".items", n.depth+1); err != nil {
			return nil, err
		}
	}
	return n.list(sequence{ref(n.rule(item))}, least, most), nil
}
