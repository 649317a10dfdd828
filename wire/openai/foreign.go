package openai

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Codes of refusals that say what a model cannot do; another model may.
const (
	CodeContext     = "context_length_exceeded"
	CodeUnsupported = "unsupported_parameter"
)

// maxReason is how many bytes of a foreign reason are passed on.
const maxReason = 1 << 10

// Foreign reads an error as any server spells it (OpenAI, vLLM, llama.cpp, Ollama, FastAPI, plain text) and writes it as
// OpenAI does. status is the HTTP status it came with, 0 for an event of a stream: then the error's own number counts,
// else it is a 502. What a model cannot do, said with whatever status, becomes a 400 with OpenAI's code. Message is empty
// where no reason was given.
func Foreign(status int, body []byte) *Error {
	r := readReason(body)
	if status == 0 {
		status = failed
		for _, told := range []string{r.status, r.code} {
			if n, err := strconv.Atoi(told); err == nil && n >= 400 && n <= 599 {
				status = n
			}
		}
	}
	e := Errorf(status, "%s", clean(r.message))
	e.Param = short(r.param)
	if _, err := strconv.Atoi(r.code); err != nil {
		e.Code = short(r.code)
	}
	for _, k := range known {
		if k.of(status) && (r.kind != "" && r.kind == k.kind || r.code != "" && r.code == k.code || k.says.MatchString(r.message)) {
			e = Errorf(http.StatusBadRequest, "%s", e.Message)
			e.Code = k.code
			if e.Param = short(r.param); e.Param == "" {
				e.Param = k.param
			}
			return e
		}
	}
	return e
}

// CannotDo says that an error speaks of what a model is not made for: it is no fault of anybody's.
func (e *Error) CannotDo() bool { return e.Code == CodeContext || e.Code == CodeUnsupported }

// limitation is how servers say that their model cannot do something.
type limitation struct {
	code, param string
	kind        string // the error's type
	says        *regexp.Regexp
}

// of says whether an error with this status can be a limitation: one of keys, load or addresses is none.
func (limitation) of(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusInternalServerError,
		http.StatusNotImplemented, http.StatusBadGateway:
		return true
	}
	return false
}

var known = []limitation{
	{CodeContext, "messages", "exceed_context_size_error", regexp.MustCompile(
		`(?i)context (length|size|window)|maximum context|max_model_len|(prompt|input|request) is too (long|large)|too many (input )?tokens|longer than the (model|maximum)|exceeds? the (model's )?(maximum|max) (length|tokens)`)},
	{CodeUnsupported, "messages", "", regexp.MustCompile(
		`(?i)(image|audio|video|vision|multi-?modal)[a-z_ ]* (is|are) not supported|(does not|doesn't|cannot) (support|accept|understand|take) (any )?(image|audio|video|vision|multi-?modal)|mmproj|not a multi-?modal`)},
	{CodeUnsupported, "tools", "", regexp.MustCompile(
		`(?i)(does not|doesn't|cannot) (support|call) (any )?(tools?|functions?)\b|tools?( calling| choice| calls)? (is|are) not supported|tool choice requires|tools param requires|--enable-auto-tool-choice`)},
	{CodeUnsupported, "response_format", "", regexp.MustCompile(
		`(?i)(response_format|json_schema|json_object|structured output|grammar)s?\W* (type )?(is|are) not supported|(does not|doesn't) support (response_format|json|structured)`)},
	{CodeUnsupported, "messages", "", regexp.MustCompile(
		`(?i)roles must alternate|system role (is )?not supported|(does not|doesn't) support (the )?(system|developer) (role|prompt|message)`)},
}

// reason is what an error's body says.
type reason struct{ message, kind, param, code, status string }

// Members of an error's body in which its reason may stand, the outer and the inner, the likelier first.
var (
	outer = []string{"error", "detail", "message", "errors", "error_message", "error_msg", "msg", "Message", "errorMessage", "fault", "base_resp", "title"}
	inner = []string{"message", "msg", "detail", "error", "reason", "faultstring", "status_msg", "title"}
)

func readReason(body []byte) reason {
	body = bytes.TrimSpace(body)
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil && len(list) > 0 {
		body = list[0]
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(body, &top) != nil {
		var text string
		if json.Unmarshal(body, &text) == nil {
			return reason{message: text}
		}
		if len(body) == 0 || body[0] == '<' || body[0] == '{' || body[0] == '[' || !utf8.Valid(body) {
			return reason{}
		}
		return reason{message: string(body)}
	}
	r := reason{kind: word(top["type"]), param: word(top["param"]), code: word(top["code"]), status: word(top["status"])}
	for _, key := range outer {
		if in := readMember(top[key]); in.message != "" {
			return in.or(r)
		}
	}
	return r
}

// readMember reads a text, an object with a message, or a list of either.
func readMember(raw json.RawMessage) reason {
	if !given(raw) {
		return reason{}
	}
	switch raw[0] {
	case '"':
		return reason{message: word(raw)}
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
			return reason{}
		}
		return readMember(list[0])
	case '{':
		var in map[string]json.RawMessage
		if json.Unmarshal(raw, &in) != nil {
			return reason{}
		}
		r := reason{kind: word(in["type"]), param: word(in["param"]), code: word(in["code"])}
		for _, key := range inner {
			if r.message = word(in[key]); r.message != "" {
				break
			}
		}
		return r
	}
	return reason{}
}

func (r reason) or(other reason) reason {
	if r.kind == "" {
		r.kind = other.kind
	}
	if r.param == "" {
		r.param = other.param
	}
	if r.code == "" {
		r.code = other.code
	}
	r.status = other.status
	return r
}

// word is a member's text or number.
func word(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// clean makes a foreign reason fit for a person's screen.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(text) > maxReason {
		return strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}
