package guest

import (
	"errors"
	"strings"
)

var errFormula = errors.New("it is no formula of the language")

// FormulaLanguage describes to a model what Formula runs.
const FormulaLanguage = "one formula of this language and nothing else: whole numbers, the variables a, b and c, brackets, the operators + - * / (rounds down) and % " +
	"(remainder), comparisons < > = that give 1 or 0, and a choice: if(condition, then, else)"

// formula runs as it is read: comparison, sum, product, value.
type formula struct {
	text  string
	vars  [3]int64
	depth int
}

// Formula runs a program of a small language (FormulaLanguage) for a, b and c, of at most 1,000 bytes. A division by zero is an
// error, numbers wrap around.
func Formula(text string, vars [3]int64) (v int64, err error) {
	if len(text) > 1000 {
		return 0, errFormula
	}
	defer func() {
		if r := recover(); r != nil {
			v, err = 0, errFormula
		}
	}()
	m := &formula{text: clean(text), vars: vars}
	if v = m.level(0); m.text != "" {
		return 0, errFormula
	}
	return v, nil
}

var operators = []string{"<>=", "+-", "*/%"}

// level reads operands of the next level between operators of this one.
func (m *formula) level(n int) int64 {
	if n == len(operators) {
		return m.value()
	}
	v := m.level(n + 1)
	for m.text != "" && strings.Contains(operators[n], m.text[:1]) {
		op := m.text[0]
		m.text = m.text[1:]
		v = apply(op, v, m.level(n+1))
	}
	return v
}

func apply(op byte, a, b int64) int64 {
	truth := map[bool]int64{true: 1}
	switch op {
	case '+':
		return a + b
	case '-':
		return a - b
	case '*':
		return a * b
	case '/':
		return a / b
	case '%':
		return a % b
	case '<':
		return truth[a < b]
	case '>':
		return truth[a > b]
	}
	return truth[a == b]
}

// value reads a number, a variable, a bracket or a choice.
func (m *formula) value() int64 {
	if m.depth++; m.depth > 500 {
		panic(errFormula)
	}
	switch c := m.text[0]; {
	case c >= 'a' && c <= 'c':
		m.text = m.text[1:]
		return m.vars[c-'a']
	case c == '(':
		m.eat("(")
		v := m.level(0)
		m.eat(")")
		return v
	case c == 'i':
		m.eat("if(")
		var parts [3]int64
		for i, end := range []string{",", ",", ")"} {
			parts[i] = m.level(0)
			m.eat(end)
		}
		if parts[0] != 0 {
			return parts[1]
		}
		return parts[2]
	}
	return m.number()
}

func (m *formula) eat(s string) {
	rest, ok := strings.CutPrefix(m.text, s)
	if !ok {
		panic(errFormula)
	}
	m.text = rest
}

func (m *formula) number() int64 {
	n := 0
	v := int64(0)
	for n < len(m.text) && m.text[n] >= '0' && m.text[n] <= '9' && n < 9 {
		v = 10*v + int64(m.text[n]-'0')
		n++
	}
	if n == 0 {
		panic(errFormula)
	}
	m.text = m.text[n:]
	return v
}

// clean is a formula without space and the marks of code around it.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \n\t`;", r) {
			return -1
		}
		return r
	}, text)
}
