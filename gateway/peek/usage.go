package peek

import (
	"bytes"
	"slices"

	"agora/wire/walk"
)

// WithUsage puts members into the "usage" object of an answer or a chunk, in front of its end; where there is no such
// object it adds one. members is text like `"a":1,"b":2`. What is no JSON object stays as it is.
func WithUsage(answer []byte, members string) []byte {
	if end := lastUsage(answer); end > 0 {
		return slices.Concat(answer[:end], []byte(","+members), answer[end:])
	}
	var usage []byte
	fields := 0
	if err := walk.Object(answer, func(key, value []byte) error {
		if fields++; usage == nil && string(key) == "usage" {
			usage = value
		}
		return nil
	}); err != nil {
		return answer
	}
	from := cap(answer) - cap(usage) // where it begins: it is a part of the answer
	to := from + len(usage)
	if len(usage) == 0 || usage[0] != '{' {
		if usage != nil { // null, or something that is no usage
			return slices.Concat(answer[:from], []byte("{"+members+"}"), answer[to:])
		}
		end := bytes.LastIndexByte(answer, '}')
		comma := ","
		if fields == 0 {
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

// lastUsage is where the "usage" object of an answer ends that has members and stands last, or before little; 0 where that cannot be told
// from the end alone. In a string a quote has a backslash before it, and what follows a deeper object ends more than the answer.
func lastUsage(answer []byte) int {
	at := bytes.LastIndex(answer, []byte(`,"usage":{"`))
	if at < 0 {
		return 0
	}
	end := 0
	tail := append([]byte{'{'}, answer[at+1:]...)
	if err := walk.Object(tail, func(_, value []byte) error {
		if end == 0 {
			end = at + cap(tail) - cap(value) + len(value) - 1
		}
		return nil
	}); err != nil {
		return 0
	}
	return end
}

// HasChoices says whether a chunk has anything but its usage for a consumer.
func HasChoices(chunk []byte) bool {
	fields, err := top(chunk)
	return err != nil || len(bytes.TrimSpace(bytes.Trim(find(fields, "choices"), "[]"))) > 0
}
