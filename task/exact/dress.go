package exact

import (
	"regexp"
	"slices"
	"strings"
)

// value finds the one value that a text gives as its answer, spelled as the kind's reader spells it:
//
//  1. the whole text, undressed; else
//  2. what follows "Answer:", "The answer is", \boxed or ####; else
//  3. the last line that says something, else the first, else the only one that gives a value.
//
// Beside it no line may hold another value bare, no two marks may differ, and no sum may have two results.
func (q Question) value(text string) (string, bool) {
	if v, ok := q.whole(text); ok {
		return v, v != ""
	}
	if q.read != nil && q.say != nil && !q.Spell && len(q.turn.among) == 0 {
		text = unnumbered(text)
	}
	lines := linesOf(text)
	if q.turn.match != nil {
		text = quotedSentence.ReplaceAllString(text, "$1")
		if v, ok := q.read(q, undress(text)); ok {
			return v, true
		}
		lines = linesOf(text)
		lines = slices.DeleteFunc(lines, func(s string) bool { return strings.Contains(strings.ToLower(s), "sentence") })
	}
	if len(lines) == 0 {
		return "", false
	}
	found, ok := q.marked(lines)
	if !ok {
		return "", false
	}
	if found == "" {
		found = q.unmarked(lines)
	}
	if found == "" || contradicts(text) {
		return "", false
	}
	for _, line := range q.listed(text, lines) {
		if v, ok := q.read(q, undress(line)); ok && !heading.MatchString(undress(line)) && !strings.HasSuffix(line, ":") && v != found && !q.equally(v, found) {
			return "", false
		}
	}
	return found, true
}

// whole reads a text that is nothing but the value, its lines numbered or not, several values that are all right, or a JSON object
// with it; "" where an object gives none.
func (q Question) whole(text string) (string, bool) {
	for _, form := range []string{unnumbered(text), text} {
		if v, ok := q.read(q, undress(form)); ok {
			return v, true
		}
	}
	if parts := between.Split(strings.Trim(undress(text), "()"), -1); len(q.turn.also) > 0 && len(parts) > 1 {
		if !slices.ContainsFunc(parts, func(p string) bool { v, ok := q.read(q, undress(p)); return !ok || !q.accepts(v) }) {
			return q.read(q, undress(parts[0]))
		}
	}
	return q.member(text)
}

// between stands between several values.
var between = regexp.MustCompile(`(?i)\s*[,;/(]?\s*\b(?:or|and)\s+|\s*[,;/]\s*`)

// equally says that two values are both right.
func (q Question) equally(a, b string) bool {
	return q.turn.match == nil && q.accepts(a) && q.accepts(b)
}

// marked is the value behind marks like "Answer:"; "" where there is none, false where two differ.
func (q Question) marked(lines []string) (found string, ok bool) {
	for i, line := range lines {
		rest, is := afterMark(line)
		if !is || code.MatchString(line) {
			continue
		}
		if strings.Trim(rest, "*_`: ") == "" && i+1 < len(lines) {
			rest = lines[i+1]
		}
		v, ok := q.piece(rest)
		if _, number := numeral(undress(rest)); !ok && number {
			return "", false // the answer to another question
		}
		if !ok {
			continue
		}
		if found != "" && v != found && !q.equally(v, found) || slices.ContainsFunc(lines[i+1:], recants.MatchString) {
			return "", false
		}
		found = v
	}
	return found, true
}

// recants begins a line that takes back what stands before it.
var recants = regexp.MustCompile(`(?i)^\W*(?:wait|correction|oops|sorry|scratch that|edit|no\s*[,.:!])`)

// unmarked is the value of the last line that gives one, else of the first, else the only one; empty where none does or another
// line takes it back.
func (q Question) unmarked(lines []string) string {
	last := len(lines) - 1
	if v, ok := q.piece(lines[last]); ok {
		return v
	}
	values := make([]string, len(lines)) // empty where a line gives none
	for i, line := range lines[:last] {
		values[i], _ = q.piece(line)
	}
	at, found := single(values)
	if found == "" || q.overruled(lines[at+1:], values[at+1:], found) {
		return ""
	}
	for i, line := range lines {
		if values[i] == "" && slices.ContainsFunc(q.sentences(line), func(s string) bool { return q.takesBack(s, found) }) {
			return ""
		}
	}
	return found
}

// single is the value of the first line or else the only one that lines give, and the line that gives it.
func single(values []string) (at int, found string) {
	for i, v := range values {
		switch {
		case v != "" && i == 0:
			return 0, v
		case v != "" && found == "":
			at, found = i, v
		case v != "" && v != found:
			return 0, ""
		}
	}
	return at, found
}

var equation = regexp.MustCompile(`(\d[\d\s+*/×-]*[+*/×-]\s*\d+)\s*=\s*(\d+)`)

// contradicts says that a text gives one sum two results.
func contradicts(text string) bool {
	results := map[string]string{}
	for _, m := range equation.FindAllStringSubmatch(text, -1) {
		sum := strings.ReplaceAll(m[1], " ", "")
		if before, there := results[sum]; there && before != m[2] {
			return true
		}
		results[sum] = m[2]
	}
	return false
}

// piece reads one line: bare, or a sentence or two that agree.
func (q Question) piece(line string) (found string, ok bool) {
	if v, ok := q.read(q, undress(line)); ok {
		return v, true
	}
	if q.say == nil {
		return "", false
	}
	if v, ok := q.pointed(line); ok || arrow.MatchString(line) {
		return v, ok
	}
	if v, ok := q.beside(line); ok {
		return v, true
	}
	line = opinion.ReplaceAllString(ofCourse.ReplaceAllString(line, ""), "")
	var bare, stated, steps, rest []string
	for _, sentence := range q.sentences(line) {
		if v, ok := q.read(q, undress(sentence)); ok {
			bare = appendNew(bare, v)
		} else if v, ok := q.told(sentence); !ok {
			rest = append(rest, sentence)
		} else if step.MatchString(sentence) {
			steps = appendNew(steps, v)
		} else {
			stated = appendNew(stated, v)
		}
	}
	found, ok = q.agreed(bare, stated, steps)
	if !ok || slices.ContainsFunc(rest, func(s string) bool { return q.takesBack(s, found) || q.several(s) }) {
		return "", false
	}
	return found, true
}

// agreed is the one value of a line: of its bare words and its statements, or of what it says of the way where there are none. The
// word that was asked about may stand before a statement as its heading.
func (q Question) agreed(bare, stated, steps []string) (string, bool) {
	if len(bare) == 1 && len(stated) == 1 && q.echoes(bare[0]) {
		bare = nil
	}
	for _, v := range bare {
		stated = appendNew(stated, v)
	}
	if len(stated) == 0 {
		stated = steps
	}
	if len(stated) != 1 {
		return "", false
	}
	return stated[0], true
}

var (
	opinion  = regexp.MustCompile(`(?i)^i (?:think|believe|would say)(?: that)? `)
	ofCourse = regexp.MustCompile(`(?i),? (?:of course|obviously|i (?:think|believe))[.!]*$`)
)

// echoes says that a bare word is the one that was asked about, a heading of what follows.
func (q Question) echoes(value string) bool {
	return (q.Family == "facts" || q.Family == "calendar") && slices.Contains(wordsIn(q.base), value)
}

// sentences of a line, without emphasis.
func (q Question) sentences(line string) []string {
	return sentencesOf(emphasis.Replace(undress(line)))
}

var emphasis = strings.NewReplacer("**", "", "__", "", "`", "", `\(`, "", `\)`, "", "$", "")

var (
	mark = regexp.MustCompile(`(?i)\b(?:answer|result|solution|output)\b(?: to (?:this|the|your)(?: [\w'-]+){1,4}?)?[*_]*\s*(?:is|are|would be|:|=|→|->|-|–|—)[*_]*\s*:?[*_]*\s*(.*)$`)
	// quotedSentence is talk about a sentence round one in quotes. Besides it only single words may be quoted.
	quotedSentence = regexp.MustCompile(`(?im)^(?:[^"“\n]|["“][^"”\s]+["”])*\bsentence\b(?:[^"“\n]|["“][^"”\s]+["”])*["“]([^"”\n]*\s[^"”\n]*)["”](?:[^"“\n]|["“][^"”\s]+["”])*$`)
	// code is a line of a program with a remark: what stands there is about the program.
	code  = regexp.MustCompile(`\w\(.*\)\s*(?:#|//)`)
	boxed = regexp.MustCompile(`\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}`)
	hash  = regexp.MustCompile(`^#### *(.+)$`)
	// heading is a line that only announces an answer.
	heading = regexp.MustCompile(`(?i)^(?:the |my |final |correct )*(?:answer|solution|result|output|sure|certainly|okay|explanation)$`)
	// abroad is "the answer is" in other languages.
	abroad = regexp.MustCompile(`(?i)^(?:la respuesta|el resultado|la réponse|le résultat|die antwort|das ergebnis|a resposta|o resultado|la risposta|il risultato|ответ|答案|答え|结果|結果)(?: (?:correcta|correcte|correta|corretta))?\s*(?:est|es|ist|lautet|é|è|是|为|は|[-–—])?\s*:?\s*(.+?)(?:です)?\.?$`)
	tag    = regexp.MustCompile(`(?i)^<answer>(.*)</answer>$`)
)

// afterMark is what a line gives as the answer in so many words.
func afterMark(line string) (string, bool) {
	if all := boxed.FindAllStringSubmatch(line, -1); slices.ContainsFunc(all, func(m []string) bool { return m[1] != all[0][1] }) {
		return "", false
	}
	for _, form := range []*regexp.Regexp{boxed, hash, tag, mark, abroad} {
		if m := form.FindStringSubmatch(line); m != nil {
			return strings.Trim(m[1], "*_` "), true
		}
	}
	return "", false
}

// linesOf lists the lines that say something; fences are none.
func linesOf(text string) (lines []string) {
	fenced := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~") {
			fenced = !fenced
			continue
		}
		remark := fenced && (line[:min(1, len(line))] == "#" || strings.HasPrefix(line, "//"))
		if !remark && strings.Trim(line, "-=*_|: ") != "" {
			lines = append(lines, row(line))
		}
	}
	return lines
}

var sentenceEnd = regexp.MustCompile(`[.!?;]["'”’)*]*(?:\s+|$)|\s+[-–—]\s+`)

func sentencesOf(line string) (list []string) {
	from := 0
	for _, at := range sentenceEnd.FindAllStringIndex(line, -1) {
		if minus(line, at) {
			continue
		}
		list = append(list, line[from:at[1]])
		from = at[1]
	}
	return slices.DeleteFunc(append(list, line[from:]), func(s string) bool { return strings.TrimSpace(s) == "" })
}

// minus says that what looks like a dash stands between two numbers.
func minus(line string, at []int) bool {
	digit := func(i int) bool { return i >= 0 && i < len(line) && line[i] >= '0' && line[i] <= '9' }
	return digit(at[0]-1) && digit(at[1]) && strings.ContainsAny(line[at[0]:at[1]], "-–—")
}

var (
	wraps = [][2]string{
		{"```", "```"},
		{"**", "**"},
		{"__", "__"},
		{"*", "*"},
		{"_", "_"},
		{"`", "`"},
		{`"`, `"`},
		{"'", "'"},
		{"“", "”"},
		{"‘", "’"},
		{"«", "»"},
		{"$$", "$$"},
		{"$", "$"},
		{`\(`, `\)`},
		{`\[`, `\]`},
		{"(", ")"},
		{`\boxed{`, "}"},
		{`\text{`, "}"},
		{`\mathbf{`, "}"},
		{"<b>", "</b>"},
		{"<strong>", "</strong>"},
		{"<answer>", "</answer>"},
	}
	fence  = regexp.MustCompile("(?s)^(?:```|~~~)[a-zA-Z0-9_+-]*\\s*\\n(.*?)\\n?\\s*(?:```|~~~)$")
	bullet = regexp.MustCompile(`^(?:[-*•>]|#{1,6})\s+`)
	lead   = regexp.MustCompile(`^(?:A|AI):\s*|(?i)^assistant:\s*|(?i)^(?:sure|certainly|of course)?[,!.]*\s*here (?:you go|it is|is (?:the|your) answer)\s*[:!.]\s*|(?i)^(?:so|thus|therefore|hence|sure|certainly|okay|ok|of course)\s*[,:!.]+\s*|^=\s*`)
)

// undress takes away what does not belong to the value: fences, emphasis, quotes, brackets, bullets, stops.
func undress(s string) string {
	for {
		before := s
		s = strings.TrimSpace(s)
		if m := fence.FindStringSubmatch(s); m != nil {
			s = m[1]
		}
		s = bullet.ReplaceAllString(s, "")
		if rest := lead.ReplaceAllString(s, ""); rest != "" {
			s = rest
		}
		s = strings.TrimRight(s, ".!,;: \t\n")
		for _, w := range wraps {
			if inner, ok := strings.CutPrefix(s, w[0]); ok {
				if inner, ok = strings.CutSuffix(inner, w[1]); ok && inner != "" && !strings.Contains(inner, w[0]) {
					s = inner
				}
			}
		}
		if s == before {
			return s
		}
	}
}
