package peek

import (
	"bytes"
	"slices"

	"agora/wire/walk"
)

// WithUsage puts members into the "usage" object of an answer or a chunk, in front of its end; where there is no such
// object it adds one. members is text like `,"a":1,"b":2`, its first comma for what stands before it. What is no JSON object
// stays as it is. Room behind the answer, up to its capacity, is used. What a server itself says of a cost goes: it is not what is
// charged here.
func WithUsage(answer, members []byte) []byte {
	if bytes.Contains(answer, []byte(`"cost`)) {
		answer = costless(answer)
	}
	if end := lastUsage(answer); end > 0 {
		return slices.Insert(answer, end, members...)
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
			return slices.Concat(answer[:from], []byte{'{'}, members[1:], []byte{'}'}, answer[to:])
		}
		end := bytes.LastIndexByte(answer, '}')
		name := `,"usage":{`
		if fields == 0 {
			name = name[1:]
		}
		return slices.Concat(answer[:end], []byte(name), members[1:], []byte{'}'}, answer[end:])
	}
	if len(bytes.TrimSpace(usage[1:len(usage)-1])) == 0 {
		members = members[1:]
	}
	return slices.Insert(answer, to-1, members...)
}

// costless is an answer without what its usage says of a cost.
func costless(answer []byte) []byte {
	foreign := false
	out, usage := make([]byte, 0, len(answer)+Room), []byte(nil)
	err := walk.Object(answer, func(key, value []byte) error {
		if string(key) == "usage" && len(value) > 0 && value[0] == '{' {
			usage = usage[:0]
			if err := walk.Members(value, func(name, inner []byte) error {
				if string(name) == "cost" || string(name) == "cost_details" {
					foreign = true
					return nil
				}
				usage = member(usage, string(name), inner)
				return nil
			}); err != nil {
				return err
			}
			if value = append(usage, '}'); len(value) == 1 {
				value = []byte("{}")
			}
		}
		out = member(out, string(key), value)
		return nil
	})
	if err != nil || !foreign {
		return answer
	}
	return append(out, '}')
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
