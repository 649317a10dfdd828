package vector

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"agora/mechanism/yuma"
)

// Limits of a file of cases.
const (
	maxFile  = 256 << 20 // bytes
	maxCases = 100_000
	maxSteps = 100_000
	maxOps   = 1_000_000
)

// Case is one recorded sequence of epochs.
type Case struct {
	// ID names the case.
	ID string
	// N is the number of uids.
	N int
	// Params and State are what the first step starts from.
	Params Params
	State  State
	// Steps run in order.
	Steps []Step
}

// Params is the formula and the scalars of a case.
type Params struct {
	yuma.Params
	Tempo    uint64
	LastStep uint64
	Owner    uint16
	HasOwner bool
}

// State is what an epoch reads and the next one continues from.
type State struct {
	Block                         uint64
	Stake, LastUpdate, Registered []uint64
	Commit                        []uint64
	Permit                        []bool
	Weights, Bonds                []yuma.Row
}

// Step is a list of changes to the state, then one epoch.
type Step struct {
	Ops      []Op
	Emission uint64
	// Expect is the rest of the step as JSON, for whoever compares.
	Expect Expectation
}

// Expectation holds the uninterpreted fields of a step that say what comes out.
type Expectation struct {
	Values, Trace, Bits any
}

// Read decodes a file of cases. An error names the path in the document and what
// was expected there.
func Read(r io.Reader) ([]Case, error) {
	limited := &io.LimitedReader{R: r, N: maxFile + 1}
	decoder := json.NewDecoder(limited)
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	end := decoder.InputOffset()
	if err == nil && limited.N > 0 {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			return nil, fmt.Errorf("the document: expected nothing after the JSON value, found more (byte %d)", end)
		}
	}
	var syntax *json.SyntaxError
	switch {
	case limited.N <= 0:
		return nil, fmt.Errorf("the document: expected at most %d bytes", maxFile)
	case errors.Is(err, io.EOF):
		return nil, errors.New("the document: expected JSON, found an empty file")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("the document: expected more JSON after byte %d, found the end of the file", maxFile+1-limited.N)
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("the document: expected JSON: %w (byte %d)", err, syntax.Offset)
	case err != nil:
		return nil, err
	}
	root := node{tree: &tree{}, value: value}
	if family := root.field("family"); family.present() && family.value != "epoch" {
		family.fail(`"epoch"`)
	}
	nodes := root.field("cases").list(maxCases)
	cases := make([]Case, len(nodes))
	for k, n := range nodes {
		cases[k] = readCase(n)
	}
	if root.tree.err != nil {
		return nil, root.tree.err
	}
	return cases, nil
}

// readCase reads one element of cases. What else it says is for whoever compares, as in a step.
func readCase(n node) Case {
	n.notMisspelt("params", "state", "steps")
	c := Case{ID: n.field("id").text(), N: int(n.field("n").uint(yuma.MaxN))}
	c.Params = defaults()
	if p := n.field("params"); p.present() {
		c.Params.read(p)
	}
	c.State = readState(n.field("state"), c.N)
	for _, s := range n.field("steps").list(maxSteps) {
		c.Steps = append(c.Steps, readStep(s, c.N))
	}
	return c
}

// readStep reads one element of steps.
func readStep(n node, size int) Step {
	n.notMisspelt("ops", "emission")
	s := Step{Emission: n.field("emission").uint(math.MaxUint64)}
	if ops := n.field("ops"); ops.present() {
		for _, op := range ops.list(maxOps) {
			s.Ops = append(s.Ops, readOp(op, size))
		}
	}
	s.Expect = Expectation{
		Values: n.field("expect").value,
		Trace:  n.field("expect_trace").value,
		Bits:   n.field("expect_bits").value,
	}
	return s
}

// readState reads the first state.
func readState(n node, size int) State {
	n.only("block", "stake", "last_update", "registered", "permit", "bonds")
	s := State{Weights: make([]yuma.Row, size), Bonds: make([]yuma.Row, size)}
	s.Block = n.field("block").uint(math.MaxUint64)
	s.Stake = n.field("stake").uints(yuma.MaxN)
	s.LastUpdate = n.field("last_update").uints(yuma.MaxN)
	s.Registered = n.field("registered").uints(yuma.MaxN)
	s.Permit = n.field("permit").flags(yuma.MaxN)
	s.Commit = make([]uint64, size)
	for i := range s.Commit {
		s.Commit[i] = yuma.NoCommit
	}
	if f := n.field("bonds"); f.present() {
		for i, row := range f.list(size) {
			s.Bonds[i] = readRow(row, size)
		}
	}
	return s
}

// readRow reads [[uid, u16], …] with uids below size, no uid twice.
func readRow(n node, size int) yuma.Row {
	var row yuma.Row
	seen := make(map[uint16]bool)
	for _, entry := range n.list(size) {
		pair := entry.list(2)
		if len(pair) != 2 {
			entry.fail("a pair of uid and value")
			return nil
		}
		uid := readUID(pair[0], size)
		if seen[uid] {
			pair[0].fail("a uid that the row does not name already")
		}
		seen[uid] = true
		row = row.Append(uid, pair[1].u16())
	}
	return row
}

// readUID reads a uid below size.
func readUID(n node, size int) uint16 {
	if size == 0 {
		n.fail("no uid in a case of none")
		return 0
	}
	return uint16(n.uint(uint64(size - 1)))
}

// defaults returns the parameters of a case that sets none.
func defaults() Params {
	return Params{Params: yuma.Upstream(), Tempo: 360}
}

// read sets the parameters that the object names.
func (p *Params) read(n node) {
	if _, ok := n.value.(map[string]any); !ok {
		n.fail("an object")
		return
	}
	for _, name := range n.names() {
		if f := n.field(name); f.present() {
			p.set(name, f)
		} else if name == "owner_uid" {
			p.HasOwner = false
		}
	}
}

// set sets one parameter.
func (p *Params) set(name string, f node) {
	switch name {
	case "tempo":
		p.Tempo = f.uint(math.MaxUint64)
	case "activity_cutoff_factor_milli":
		p.ActivityCutoffFactor = uint32(f.uint(math.MaxUint32))
	case "kappa":
		p.Kappa = f.u16()
	case "bonds_penalty":
		p.BondsPenalty = f.u16()
	case "bonds_moving_average":
		p.BondsMovingAverage = uint32(f.uint(1_000_000))
	case "yuma3":
		p.Yuma3 = f.flag()
	case "liquid_alpha":
		p.LiquidAlpha = f.flag()
	case "alpha_low":
		p.AlphaLow = f.u16()
	case "alpha_high":
		p.AlphaHigh = f.u16()
	case "alpha_sigmoid_steepness":
		p.AlphaSteepness = int16(f.int(math.MinInt16, math.MaxInt16))
	case "stake_threshold":
		p.StakeThreshold = f.uint(math.MaxUint64)
	case "max_allowed_validators":
		p.MaxValidators = int(f.u16())
	case "owner_uid":
		p.Owner, p.HasOwner = f.u16(), true
	case "commit_reveal":
		p.CommitReveal = f.flag()
	case "last_mechanism_step":
		p.LastStep = f.uint(math.MaxUint64)
	default:
		f.fail("a parameter of the format, not " + name)
	}
}
