package peek

// IsObject says whether an answer's body is one JSON object.
func IsObject(body []byte) bool {
	s := scanner{b: body}
	if s.space(); s.next() != '{' || s.value(1) != nil {
		return false
	}
	s.space()
	return s.i == len(body)
}
