package peek

import (
	"bytes"
	"slices"
)

// WithUsage puts members into the "usage" object of an answer or a chunk, in front of its end; where there is no such
// object it adds one. members is text like `"a":1,"b":2`. What is no JSON object stays as it is.
func WithUsage(answer []byte, members string) []byte {
	s := scanner{b: answer}
	fields, err := s.top()
	if err != nil {
		return answer
	}
	usage := find(fields, "usage")
	from := cap(answer) - cap(usage) // where it begins: it is a part of the answer
	to := from + len(usage)
	if len(usage) == 0 || usage[0] != '{' {
		if usage != nil { // null, or something that is no usage
			return slices.Concat(answer[:from], []byte("{"+members+"}"), answer[to:])
		}
		end := bytes.LastIndexByte(answer, '}')
		comma := ","
		if len(fields) == 0 {
			comma = ""
		}
		return slices.Concat(answer[:end], []byte(comma+`"usage":{`+members+"}"), answer[end:])
	}
	comma := ","
	if len(bytes.TrimSpace(usage[1:len(usage)-1])) == 0 {
		comma = ""
	}
	return slices.Concat(answer[:to-1], []byte(comma+members), answer[to-1:])
}

// HasChoices says whether a chunk has anything but its usage for a consumer.
func HasChoices(chunk []byte) bool {
	s := scanner{b: chunk}
	fields, err := s.top()
	return err != nil || len(bytes.TrimSpace(bytes.Trim(find(fields, "choices"), "[]"))) > 0
}
