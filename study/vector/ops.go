package vector

import (
	"fmt"
	"math"
	"slices"

	"agora/mechanism/yuma"
)

// Op changes the parameters or the state of a case before an epoch.
type Op func(*Params, *State)

// fields names the members of every operation besides op.
var fields = map[string][]string{
	"set_weights":      {"uid", "uids", "values"},
	"set_weights_many": {"uids", "targets", "value"},
	"set_self_weights": {"uids", "value"},
	"put_weights":      {"uid", "row"},
	"replace_neuron":   {"uid", "stake"},
	"set_block":        {"block"},
	"set_params":       {"params"},
	"set_stake":        {"uid", "stake"},
	"set_last_update":  {"values"},
	"set_permits":      {"values"},
	"set_commit_block": {"uid", "block"},
	"reset_bonds":      {"uid"},
}

// readOp reads one element of ops.
func readOp(n node, size int) Op {
	name := n.field("op").text()
	if known, ok := fields[name]; ok {
		n.only(append([]string{"op"}, known...)...)
	}
	switch name {
	case "set_weights":
		return readSetWeights(n, size)
	case "set_weights_many":
		return readSetMany(n, size)
	case "set_self_weights":
		return readSetSelf(n, size)
	case "put_weights":
		uid, row := readUID(n.field("uid"), size), readRow(n.field("row"), size)
		return func(_ *Params, s *State) { s.Weights[uid] = row }
	case "replace_neuron":
		return readReplace(n, size)
	case "set_block":
		block := n.field("block").uint(math.MaxUint64)
		return func(_ *Params, s *State) { s.Block = block }
	case "set_params":
		return readSetParams(n)
	case "set_stake":
		uid, stake := readUID(n.field("uid"), size), n.field("stake").uint(math.MaxUint64)
		return func(_ *Params, s *State) { put(&s.Stake, uid, stake) }
	case "set_last_update":
		values := n.field("values").uints(yuma.MaxN)
		return func(_ *Params, s *State) { s.LastUpdate = slices.Clone(values) }
	case "set_permits":
		values := n.field("values").flags(yuma.MaxN)
		return func(_ *Params, s *State) { s.Permit = slices.Clone(values) }
	case "set_commit_block":
		return readSetCommit(n, size)
	case "reset_bonds":
		uid := readUID(n.field("uid"), size)
		return func(_ *Params, s *State) { ResetBonds(s.Bonds, uid) }
	}
	n.field("op").fail("the name of an operation")
	return nil
}

// readSetWeights reads {uid, uids, values}.
func readSetWeights(n node, size int) Op {
	uid := readUID(n.field("uid"), size)
	targets := readUIDs(n.field("uids"), size)
	nodes := n.field("values").list(size)
	if len(nodes) != len(targets) {
		n.field("values").fail("as many values as uids")
		return nil
	}
	values := make([]uint16, len(nodes))
	for k, v := range nodes {
		values[k] = v.u16()
	}
	return func(p *Params, s *State) { setWeights(p, s, uid, targets, values) }
}

// maxCells bounds the weights that one operation sets.
const maxCells = 1 << 24

// readSetMany reads {uids, targets, value}: every uid gives every target the
// same value.
func readSetMany(n node, size int) Op {
	uids, targets := readUIDs(n.field("uids"), size), readUIDs(n.field("targets"), size)
	if len(uids)*len(targets) > maxCells {
		n.field("targets").fail(fmt.Sprintf("at most %d weights in one operation", maxCells))
		return nil
	}
	values := slices.Repeat([]uint16{n.field("value").u16()}, len(targets))
	return func(p *Params, s *State) {
		for _, uid := range uids {
			setWeights(p, s, uid, targets, values)
		}
	}
}

// readSetSelf reads {uids, value}: every uid gives itself the value.
func readSetSelf(n node, size int) Op {
	uids, value := readUIDs(n.field("uids"), size), n.field("value").u16()
	return func(p *Params, s *State) {
		for _, uid := range uids {
			setWeights(p, s, uid, []uint16{uid}, []uint16{value})
		}
	}
}

// readReplace reads {uid, stake}; stake is 0 if absent.
func readReplace(n node, size int) Op {
	uid := readUID(n.field("uid"), size)
	var stake uint64
	if f := n.field("stake"); f.present() {
		stake = f.uint(math.MaxUint64)
	}
	return func(_ *Params, s *State) { replaceNeuron(s, uid, stake) }
}

// readSetParams reads {params}.
func readSetParams(n node) Op {
	changed, trial := n.field("params"), defaults()
	trial.read(changed)
	return func(p *Params, _ *State) { p.read(changed) }
}

// readSetCommit reads {uid, block}; a null block means no commit.
func readSetCommit(n node, size int) Op {
	uid := readUID(n.field("uid"), size)
	block := uint64(yuma.NoCommit)
	if f := n.field("block"); f.present() {
		block = f.uint(math.MaxUint64)
	}
	return func(_ *Params, s *State) { s.Commit[uid] = block }
}

// readUIDs reads a list of distinct uids, or [from, to, "range"] for from..to−1.
func readUIDs(n node, size int) []uint16 {
	nodes := n.list(max(size, 3))
	if len(nodes) == 3 && nodes[2].value == "range" {
		from, to := nodes[0].uint(uint64(size)), nodes[1].uint(uint64(size))
		var uids []uint16
		for uid := from; uid < to; uid++ {
			uids = append(uids, uint16(uid))
		}
		return uids
	}
	uids := make([]uint16, 0, len(nodes))
	seen := make(map[uint16]bool)
	for _, e := range nodes {
		uid := readUID(e, size)
		if seen[uid] {
			e.fail("a uid that the list does not name already")
		}
		seen[uid] = true
		uids = append(uids, uid)
	}
	return uids
}

// setWeights stores a row, scaled so that its greatest value is 65535. The
// update counts at once unless a reveal decides that.
func setWeights(p *Params, s *State, uid uint16, targets, values []uint16) {
	var row yuma.Row
	for k, value := range yuma.MaxUpscale(values) {
		row = row.Append(targets[k], value)
	}
	s.Weights[uid] = row
	if !p.CommitReveal {
		put(&s.LastUpdate, uid, s.Block)
	}
}

// replaceNeuron gives the uid to a newcomer: its rows are cleared, weights on it
// become 0, bonds on it stay until the epoch drops them.
func replaceNeuron(s *State, uid uint16, stake uint64) {
	put(&s.Stake, uid, stake)
	put(&s.Registered, uid, s.Block)
	put(&s.LastUpdate, uid, s.Block)
	if int(uid) < len(s.Permit) {
		s.Permit[uid] = false
	}
	s.Weights[uid], s.Bonds[uid] = nil, nil
	for i, row := range s.Weights {
		s.Weights[i] = rewritten(row, func(target, value uint16) (uint16, bool) {
			if target == uid {
				return 0, true
			}
			return value, true
		})
	}
}

// ResetBonds deletes every bond on a uid: what follows when its miner commits to
// new knowledge.
func ResetBonds(bonds []yuma.Row, uid uint16) {
	for i, row := range bonds {
		bonds[i] = rewritten(row, func(target, value uint16) (uint16, bool) {
			return value, target != uid
		})
	}
}

// rewritten returns the row with each value replaced, without those not kept.
func rewritten(row yuma.Row, change func(uid, value uint16) (uint16, bool)) yuma.Row {
	var out yuma.Row
	for k := range row.Len() {
		uid, value := row.At(k)
		if value, keep := change(uid, value); keep {
			out = out.Append(uid, value)
		}
	}
	return out
}

// put sets an element, growing the slice with zeros where it is too short.
func put(s *[]uint64, i uint16, v uint64) {
	for len(*s) <= int(i) {
		*s = append(*s, 0)
	}
	(*s)[i] = v
}
