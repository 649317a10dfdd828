package vector

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// node is one value of a JSON document together with its path, and tree collects
// the first thing that is not as expected. After an error every method returns a
// zero value, so that a reader need not ask after each field.
type node struct {
	tree  *tree
	path  string
	value any // nil where the field is absent or null
}

// tree holds the first error of a document.
type tree struct {
	err error
}

// fail notes what was expected at the node's path.
func (n node) fail(expected string) {
	if n.tree.err != nil {
		return
	}
	found := "nothing"
	if n.value != nil {
		text, _ := json.Marshal(n.value)
		found = string(text)
		if len(found) > 60 {
			found = found[:60] + "…"
		}
	}
	path := n.path
	if path == "" {
		path = "the document"
	}
	n.tree.err = fmt.Errorf("%s: expected %s, found %s", path, expected, found)
}

// present reports whether the field is there and not null.
func (n node) present() bool { return n.value != nil }

// field returns a member of an object.
func (n node) field(name string) node {
	path := name
	if n.path != "" {
		path = n.path + "." + name
	}
	members, ok := n.value.(map[string]any)
	if !ok {
		n.fail("an object")
		return node{tree: n.tree, path: path}
	}
	return node{tree: n.tree, path: path, value: members[name]}
}

// only refuses members of an object that the format does not have: a misspelt
// one would otherwise count as absent.
func (n node) only(known ...string) {
	for _, name := range n.names() {
		if !slices.Contains(known, name) {
			n.field(name).fail("no such field, but one of " + strings.Join(known, ", "))
		}
	}
}

// notMisspelt refuses members of an object that are a letter or more from one of
// its own, as param from params; what else an object says is for others to read.
func (n node) notMisspelt(own ...string) {
	for _, name := range n.names() {
		for _, meant := range own {
			if name != meant && (strings.HasPrefix(name, meant) || strings.HasPrefix(meant, name)) {
				n.field(name).fail("no such field, perhaps " + meant)
			}
		}
	}
}

// names returns the names of an object's members in ascending order.
func (n node) names() []string {
	members, _ := n.value.(map[string]any)
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// list returns the elements of an array of at most limit elements.
func (n node) list(limit int) []node {
	elements, ok := n.value.([]any)
	if !ok {
		n.fail("a list")
		return nil
	}
	if len(elements) > limit {
		n.fail(fmt.Sprintf("a list of at most %d elements", limit))
		return nil
	}
	nodes := make([]node, len(elements))
	for k, element := range elements {
		nodes[k] = node{tree: n.tree, path: fmt.Sprintf("%s[%d]", n.path, k), value: element}
	}
	return nodes
}

// text returns a string.
func (n node) text() string {
	s, ok := n.value.(string)
	if !ok {
		n.fail("a string")
	}
	return s
}

// flag returns a boolean.
func (n node) flag() bool {
	b, ok := n.value.(bool)
	if !ok {
		n.fail("true or false")
	}
	return b
}

// uint returns an integer from 0 to limit.
func (n node) uint(limit uint64) uint64 {
	number, ok := n.value.(json.Number)
	v, err := strconv.ParseUint(number.String(), 10, 64)
	if !ok || err != nil || v > limit {
		n.fail(fmt.Sprintf("an integer from 0 to %d", limit))
		return 0
	}
	return v
}

// int returns an integer from low to high.
func (n node) int(low, high int64) int64 {
	number, ok := n.value.(json.Number)
	v, err := number.Int64()
	if !ok || err != nil || v < low || v > high {
		n.fail(fmt.Sprintf("an integer from %d to %d", low, high))
		return 0
	}
	return v
}

// u16 returns an integer from 0 to 65535.
func (n node) u16() uint16 { return uint16(n.uint(math.MaxUint16)) }

// uints returns a list of integers from 0 to 2^64 − 1.
func (n node) uints(limit int) []uint64 {
	nodes := n.list(limit)
	out := make([]uint64, len(nodes))
	for k, e := range nodes {
		out[k] = e.uint(math.MaxUint64)
	}
	return out
}

// flags returns a list of booleans.
func (n node) flags(limit int) []bool {
	nodes := n.list(limit)
	out := make([]bool, len(nodes))
	for k, e := range nodes {
		out[k] = e.flag()
	}
	return out
}
