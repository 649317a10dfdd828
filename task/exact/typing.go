package exact

import "strings"

var (
	openings  = []string{"Please: ", "Hi! ", "Hello, ", "Question: ", "Can you tell me: ", "hey "}
	asking    = []string{"what's ", "What's ", "Calculate ", ""}
	operators = []string{"+", "-", "*"}
)

// typed is how people really write q: a greeting before it, no capital, no final stop, no space round an operator.
func typed(s *Source, q string, lower bool) string {
	if s.one(8) {
		q = strings.ReplaceAll(q, "What is ", pick(s, asking))
	}
	if s.one(4) {
		for _, o := range operators {
			q = strings.ReplaceAll(q, " "+o+" ", o)
		}
		q = strings.TrimSuffix(q, " = ?")
	}
	if s.one(4) {
		q = strings.TrimRight(q, ".?")
	}
	switch {
	case lower && s.one(3):
		q = strings.ToLower(q)
	case s.one(4):
		q = strings.ToLower(q[:1]) + q[1:]
	}
	if s.one(5) {
		q = pick(s, openings) + q
	}
	return q
}
