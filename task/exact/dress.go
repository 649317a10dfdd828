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
	if v, ok := q.read(q, undress(text)); ok {
		return v, true
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
	for _, line := range lines {
		if v, ok := q.read(q, undress(line)); ok && !heading.MatchString(undress(line)) && !strings.HasSuffix(line, ":") && v != found && !q.equally(v, found) {
			return "", false
		}
	}
	return found, true
}

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
		if !ok {
			continue
		}
		if found != "" && v != found && !q.equally(v, found) {
			return "", false
		}
		found = v
	}
	return found, true
}

// unmarked is the value of the last line that gives one, among the last and the first; "" where neither does.
func (q Question) unmarked(lines []string) string {
	last := lines[len(lines)-1]
	if v, ok := q.piece(last); ok {
		return v
	}
	if hedged(last) {
		return ""
	}
	if v, ok := q.piece(lines[0]); ok {
		return v
	}
	found := ""
	for _, line := range lines {
		v, ok := q.piece(line)
		if hedged(line) || ok && found != "" && v != found {
			return ""
		}
		if ok {
			found = v
		}
	}
	return found
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
	line = undress(line)
	if v, ok := q.read(q, line); ok {
		return v, true
	}
	if q.say == nil {
		return "", false
	}
	line = emphasis.Replace(line)
	for _, sentence := range sentencesOf(line) {
		v, ok := q.read(q, undress(sentence))
		if !ok {
			v, ok = q.say(q, undress(sentence))
		}
		switch {
		case !ok && (hedged(sentence) || q.several(sentence)), ok && found != "" && v != found:
			return "", false
		case ok:
			found = v
		}
	}
	return found, found != ""
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
	tag     = regexp.MustCompile(`(?i)^<answer>(.*)</answer>$`)
)

// afterMark is what a line gives as the answer in so many words.
func afterMark(line string) (string, bool) {
	for _, form := range []*regexp.Regexp{boxed, hash, tag, mark} {
		if m := form.FindStringSubmatch(line); m != nil {
			return strings.Trim(m[1], "*_` "), true
		}
	}
	return "", false
}

// linesOf lists the lines that say something; fences are none.
func linesOf(text string) (lines []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "```") && strings.Trim(line, "-=*_") != "" {
			lines = append(lines, line)
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

var hedge = regexp.MustCompile(`(?i)^\s*or\b|\b(?:wait|actually|sorry|instead|rather|however|correction|mistake|wrong|incorrect|alternatively|maybe|perhaps|(?:may|might|can|could) also|also (?:be|correct|right|possible|valid|acceptable|accepted)|no|could be|might be|(?:it|this)(?:'s| is) not)\b`)

// hedged says that a text takes back what was said before it, or leaves it open.
func hedged(text string) bool { return hedge.MatchString(text) }

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
	fence  = regexp.MustCompile("(?s)^```[a-zA-Z0-9_+-]*\\s*\\n(.*?)\\n?\\s*```$")
	bullet = regexp.MustCompile(`^(?:[-*•>]|#{1,6})\s+`)
	lead   = regexp.MustCompile(`^A:\s*|(?i)^(?:so|thus|therefore|hence|sure|certainly|okay|ok|of course)\s*[,:!.]+\s*|^=\s*`)
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
