package exact

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"agora/wire/openai"
)

// This file takes off what typesetting, chat templates, markup and programs put round an answer.

var (
	thoughts = `(?:think|thinking|thoughts?|reasoning|reflection|analysis|scratchpad)`
	thinks   = regexp.MustCompile(`(?i)<` + thoughts + `>|\[think\]|◁think▷|<\|begin_of_thought\|>|<\|channel\|>`)
	thought  = regexp.MustCompile(`(?i)</` + thoughts + `>|\[/think\]|◁/think▷|<\|end_of_thought\|>|<\|channel\|>final<\|message\|>`)
	endMarks = regexp.MustCompile(`(?:\s*(?:<\|[a-z_]+\|>|</s>|<eos>|<end_of_turn>))+\s*$`)
	latex    = regexp.MustCompile(`\\(?:text(?:bf|it|rm|tt)?|math(?:rm|bf|it|sf|tt)|operatorname)\{([^{}]*)\}`)
	below    = regexp.MustCompile(`(?m)^(\s*)\x{2212}\s*(\d)`) // no bullet
	newline  = regexp.MustCompile(`(?i)<(?:br|p|div|li|ul|ol|h[1-6])\s*/?>`)
	markup   = regexp.MustCompile(`(?i)</?(?:br|p|div|li|ul|ol|h[1-6]|span|i|em|b|strong|u|mark|code|pre)\s*/?>`)
	signs    = strings.NewReplacer("{,}", ",", `\,`, "", `\;`, " ", `\quad`, " ", `\times`, "×", `\cdot`, "·", `\approx`, "≈", `\neq`, "≠", `\rightarrow`, "→", `\to`, "→", "&nbsp;", " ", "\r\n", "\n")
)

// Visible is what an answer says: without its thoughts, its typesetting and what only decorates it. A thought that does not end has no
// answer: all of it is given back as it came.
func Visible(answer string) string {
	if text, ok := visible(answer); ok {
		return text
	}
	return answer
}

// visible is the answer without its thoughts, which end with the last mark of their end: one that does not end has no answer. Digits
// and letters of any width are plain ones, and what only decorates is left out.
func visible(answer string) (string, bool) {
	if all := thought.FindAllStringIndex(answer, -1); all != nil {
		answer = answer[all[len(all)-1][1]:]
	}
	if thinks.MatchString(answer) {
		return "", false
	}
	answer = below.ReplaceAllString(answer, "$1-$2")
	answer = markup.ReplaceAllString(newline.ReplaceAllString(endMarks.ReplaceAllString(answer, ""), "\n"), "")
	answer = latex.ReplaceAllString(signs.Replace(strings.Map(folded, answer)), "$1")
	return strings.TrimSpace(answer), true
}

// denies are signs that say no; every other picture only decorates.
const denies = "❌❎✗✘🚫👎⛔"

// folded is a letter, digit or sign as it is usually typed; -1 for what cannot be seen or says nothing.
func folded(r rune) rune {
	switch {
	case r < 0x80:
		return r
	case r >= 0xff01 && r <= 0xff5e: // of full width
		return r - 0xfee0
	case r == 0x3000, r == 0xa0:
		return ' '
	case r == '。':
		return '.'
	case r == '、':
		return ','
	case r == 0x2212:
		return '-'
	case strings.ContainsRune(denies, r):
		return r
	case unicode.Is(unicode.Nd, r):
		return digit(r)
	case unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me, unicode.Sk) && r > 0x2000, r >= 0x2600 && unicode.Is(unicode.So, r):
		return -1
	}
	return r
}

// digit is a decimal digit of any script as a plain one: each script has them in a row, from nought on.
func digit(r rune) rune {
	for _, list := range unicode.Nd.R16 {
		if lo := rune(list.Lo); lo <= r && r <= rune(list.Hi) {
			return '0' + (r-lo)%10
		}
	}
	for _, list := range unicode.Nd.R32 {
		if lo := rune(list.Lo); lo <= r && r <= rune(list.Hi) {
			return '0' + (r-lo)%10
		}
	}
	return r
}

// member is the value that a JSON object gives in answer to a question which did not ask for one: of its members those that do not
// repeat the question must agree. is says that the text is an object.
func (q Question) member(text string) (found string, is bool) {
	text = undress(text)
	if q.say == nil || !strings.HasPrefix(text, "{") || openai.CheckJSON([]byte(text)) != nil {
		return "", false
	}
	var all map[string]any
	if json.Unmarshal([]byte(text), &all) != nil {
		return "", false
	}
	var values, echoes []string
	for name, v := range all {
		said, ok := inJSON(v)
		if !ok || denial.MatchString(name) {
			return "", true
		}
		if len(all) > 1 && allIn(wordsIn(said), wordsIn(q.base)) {
			echoes = append(echoes, said)
			continue
		}
		value, ok := q.piece(strings.ReplaceAll(name, "_", " ") + ": " + said)
		if !ok && len(q.turn.about) == 0 {
			value, ok = q.piece(said)
		}
		if ok {
			values = appendNew(values, value)
		}
	}
	if len(values) != 1 || slices.ContainsFunc(echoes, func(e string) bool { return !q.repeats(e, values[0]) }) {
		return "", true
	}
	return values[0], true
}

// inJSON writes a member's value, or those of a list, as people do; an object has none.
func inJSON(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		return yes(v), true
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			part, ok := inJSON(one)
			if !ok {
				return "", false
			}
			parts[i] = part
		}
		return strings.Join(parts, ", "), true
	}
	return "", false
}

var arrow = regexp.MustCompile(`\s*(?:→|⟶|➜|➔|⇒|=>|->|↔|⟷)\s*`)

// pointed reads "Norway → Oslo": what was asked, an arrow, the value.
func (q Question) pointed(line string) (string, bool) {
	line = emphasis.Replace(line)
	at := arrow.FindAllStringIndex(line, -1)
	if at == nil {
		return "", false
	}
	last := at[len(at)-1]
	v, ok := q.read(q, undress(line[last[1]:]))
	return v, ok && q.repeats(line[:last[0]], v)
}

// repeats says that a text beside a value only repeats the question, its letters one by one among it, and names no other value.
func (q Question) repeats(text, value string) bool {
	words, asked := wordsIn(text), wordsIn(q.base)
	another := func(w string) bool { return slices.Contains(words, w) && !slices.Contains(asked, w) }
	if q.rivals(value) != nil && q.names(text, value) || q.Family == "facts" && slices.ContainsFunc(opposites, func(p [2]string) bool { return another(p[0]) || another(p[1]) }) {
		return false
	}
	if v, ok := q.read(q, undress(text)); ok && v != value && q.Family != "facts" && !slices.Contains(wordsIn(quotedIn(q.base)+strings.Join(q.turn.about, " ")), strings.ToLower(v)) {
		return false // a value itself, and not what was asked about
	}
	spelt := strings.Join(slices.DeleteFunc(slices.Clone(words), func(w string) bool { return len(w) > 1 }), "")
	if q.Family == "nthletter" && spelt != "" && !slices.Contains(asked, spelt) {
		return false // another letter
	}
	unknown := slices.DeleteFunc(q.unknown(words), func(w string) bool { return len(w) == 1 && q.Spell })
	return len(unknown) == 0 && !denial.MatchString(text) && !slices.ContainsFunc(q.turn.among, func(w string) bool { return slices.Contains(words, strings.ToLower(w)) })
}

var (
	inBrackets = regexp.MustCompile(`^(.*\S)\s*\(([^()]*)\)[.!]*$`)
	butNot     = regexp.MustCompile(`(?i)^not \pL+$`)
	behind     = regexp.MustCompile(`^([^,()]+),\s+(\p{Lu}[^,()]*)$`)
)

// beside reads a line without what stands in brackets at its end, or a land behind its capital, where that only repeats the
// question, or says what the value is not.
func (q Question) beside(line string) (string, bool) {
	if m := behind.FindStringSubmatch(undress(line)); m != nil && slices.ContainsFunc(capitals, func(p [2]string) bool { return p == [2]string{m[2], m[1]} }) {
		return q.read(q, m[1])
	}
	m := inBrackets.FindStringSubmatch(line)
	if m == nil || len(line) > longest {
		return "", false
	}
	v, ok := q.piece(m[1])
	switch {
	case !ok:
		return "", false
	case butNot.MatchString(m[2]):
		return v, !slices.Contains(wordsIn(m[2]), v)
	}
	return v, q.repeats(m[2], v) && allIn(numberValues(m[2]), append(numberValues(q.base), v))
}

var steps = regexp.MustCompile(`(?m)^\s*(\d{1,2})[.)][ \t]+`)

// unnumbered is a text without the numbers of its lines, where they count from one.
func unnumbered(text string) string {
	all := steps.FindAllStringSubmatch(text, -1)
	for i, m := range all {
		if m[1] != strconv.Itoa(i+1) {
			return text
		}
	}
	if len(all) < 2 {
		return text
	}
	return steps.ReplaceAllString(text, "")
}

// listed are the lines of a text with which a value must agree: those of a numbered list without their numbers, unless it is the
// list that was asked about.
func (q Question) listed(text string, lines []string) []string {
	plain := unnumbered(text)
	if plain == text {
		return lines
	}
	var items []string
	for _, m := range numbered.FindAllStringSubmatch(text, -1) {
		items = append(items, strings.ToLower(undress(m[1])))
	}
	if slices.Equal(items, q.turn.among) {
		return lines
	}
	return linesOf(plain)
}

var numbered = regexp.MustCompile(`(?m)^\s*\d{1,2}[.)][ \t]+(.*)$`)

// row is a row of a table as "cell → cell"; other lines are as they are.
func row(line string) string {
	if len(line) < 3 || !strings.HasPrefix(line, "|") || !strings.HasSuffix(line, "|") {
		return line
	}
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return strings.Join(cells, " → ")
}
