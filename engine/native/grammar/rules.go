// Package grammar keeps an answer within a form: any JSON object, or JSON of a schema. It says which tokens may come
// next; whatever is chosen among them, the answer can be completed to one of the form, and is of it when it ends.
package grammar

// A grammar is a set of rules over bytes. A rule is a choice of sequences, an element of a sequence a set of bytes or
// another rule. No rule begins with itself, so every expansion ends.
type (
	set     [4]uint64 // of bytes
	element struct {
		bytes set
		rule  int // of a reference, else -1
	}
	sequence []element
)

// Grammar is a compiled form. It is immutable and safe for concurrent use.
type Grammar struct {
	rules [][]sequence
	start int
}

func (s *set) add(low, high byte) {
	for b := int(low); b <= int(high); b++ {
		s[b/64] |= 1 << (b % 64)
	}
}

func (s *set) has(b byte) bool { return s[b/64]>>(b%64)&1 == 1 }

func span(low, high byte) element {
	e := element{rule: -1}
	e.bytes.add(low, high)
	return e
}

func oneOf(bytes string) element {
	e := element{rule: -1}
	for i := range len(bytes) {
		e.bytes.add(bytes[i], bytes[i])
	}
	return e
}

func ref(rule int) element { return element{rule: rule} }

// word is a sequence of exactly these bytes.
func word(text string) sequence {
	s := make(sequence, len(text))
	for i := range len(text) {
		s[i] = span(text[i], text[i])
	}
	return s
}

func join(parts ...sequence) sequence {
	var s sequence
	for _, p := range parts {
		s = append(s, p...)
	}
	return s
}

// builder collects rules.
type builder struct {
	rules  [][]sequence
	shared map[string]int // rules that stand once
}

// maxRules bounds what a schema may expand to.
const maxRules = 50_000

func (b *builder) rule(choices ...sequence) int {
	b.rules = append(b.rules, choices)
	return len(b.rules) - 1
}

// once returns the rule of that name, which make builds at its first use. The number is taken before, so that the rule
// may refer to itself.
func (b *builder) once(name string, build func() []sequence) int {
	if r, ok := b.shared[name]; ok {
		return r
	}
	r := b.rule()
	b.shared[name] = r
	b.rules[r] = build()
	return r
}

// optional is the sequence or nothing.
func (b *builder) optional(s sequence) element { return ref(b.rule(s, nil)) }

// upTo is the sequence at most n times.
func (b *builder) upTo(n int, s sequence) sequence {
	rest := sequence{}
	for range n {
		rest = sequence{b.optional(join(s, rest))}
	}
	return rest
}

// repeat is the sequence at least least times, and at most most times where that is not negative.
func (b *builder) repeat(s sequence, least, most int) sequence {
	var out sequence
	for range least {
		out = append(out, s...)
	}
	if most >= 0 {
		return append(out, b.upTo(most-least, s)...)
	}
	star := b.rule()
	b.rules[star] = []sequence{append(append(sequence{}, s...), ref(star)), nil}
	return append(out, ref(star))
}
