package http1

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// refusal is why a request is not served. The client gets it, and the connection ends.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

func bad(text string) *refusal { return &refusal{http.StatusBadRequest, text} }

var (
	errBareLF    = bad("a line ends in LF without CR")
	errLine      = bad("malformed request line")
	errVersion   = &refusal{http.StatusHTTPVersionNotSupported, "only HTTP/1.1 and HTTP/1.0 are spoken here"}
	errTarget    = bad("malformed request target")
	errField     = bad("malformed header line")
	errFolded    = bad("a folded header line")
	errHost      = bad("exactly one valid Host header is needed")
	errLength    = bad("malformed or repeated Content-Length")
	errBoth      = bad("both Content-Length and Transfer-Encoding")
	errEncoding  = &refusal{http.StatusNotImplemented, "the only transfer encoding is chunked"}
	errOldChunks = bad("Transfer-Encoding in HTTP/1.0")
	errTrailer   = bad("a trailer that may not be one")
	errLarge     = &refusal{http.StatusRequestHeaderFieldsTooLarge, "the request's header is too large"}
	errExpect    = &refusal{http.StatusExpectationFailed, "only 100-continue can be expected"}
)

// Lengths of a body that comes in chunks, and of one of which nothing is said.
const (
	chunked = -1
	unknown = -2
)

// head is a request's line and header.
type head struct {
	method, target string
	url            *url.URL
	path           url.URL // what url most often is
	minor          int     // of HTTP/1.minor
	header         http.Header
	host           string
	length         int64 // of the body; chunked for one that comes in chunks
	close          bool  // the client wants the connection closed
	keep           bool  // a client of HTTP/1.0 wants it kept
	expects        bool  // 100-continue
}

// endOfHead looks for the empty line that ends a header, from a line's beginning at from on: the place behind it. Where it has not
// come, end is 0 and next is where to look on.
func endOfHead(b []byte, from int) (end, next int, err error) {
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return 0, from, nil
		}
		if i == 0 || b[from+i-1] != '\r' {
			return 0, from, errBareLF
		}
		from += i + 1
		if i == 1 {
			return from, from, nil
		}
	}
}

// parse reads a request's line and header, which end in an empty line. What it keeps of text is one string.
func (h *head) parse(text string) error {
	line, rest, _ := strings.Cut(text, "\r\n")
	if err := h.first(line); err != nil {
		return err
	}
	var err error
	if h.header, err = fieldsOf(rest); err != nil {
		return err
	}
	return h.meaning()
}

// first reads the request line.
func (h *head) first(line string) error {
	var version string
	var ok, more bool
	h.method, h.target, ok = strings.Cut(line, " ")
	h.target, version, more = strings.Cut(h.target, " ")
	if !ok || !more || !isToken(h.method) || h.target == "" {
		return errLine
	}
	switch version {
	case "HTTP/1.1":
		h.minor = 1
	case "HTTP/1.0":
	default:
		if strings.HasPrefix(version, "HTTP/") && !strings.Contains(version, " ") {
			return errVersion
		}
		return errLine
	}
	return h.parseTarget()
}

func (h *head) parseTarget() error {
	if h.method == http.MethodConnect && h.target[0] != '/' {
		return errTarget // there is nothing to connect to
	}
	if isPlain(h.target) {
		h.path.Path = h.target
		h.url = &h.path
		return nil
	}
	var err error
	if h.url, err = url.ParseRequestURI(h.target); err != nil {
		return errTarget
	}
	return nil
}

// isPlain says that a target is a path in which nothing has a meaning of its own.
func isPlain(target string) bool {
	if target[0] != '/' || strings.HasPrefix(target, "//") {
		return false
	}
	for i := range len(target) {
		if !plainBytes[target[i]] {
			return false
		}
	}
	return true
}

// fieldsOf reads header lines up to the empty one.
func fieldsOf(text string) (http.Header, error) {
	n := strings.Count(text, "\r\n")
	header := make(http.Header, n)
	values := make([]string, n)
	for {
		line, rest, ok := strings.Cut(text, "\r\n")
		if !ok {
			return nil, errField
		}
		if line == "" {
			return header, nil
		}
		name, value, err := field(line)
		if err != nil {
			return nil, err
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if old := header[name]; old != nil {
			header[name] = append(old, value)
		} else {
			values[0] = value
			header[name], values = values[:1:1], values[1:]
		}
		text = rest
	}
}

// field takes a header line apart.
func field(line string) (name, value string, err error) {
	if line[0] == ' ' || line[0] == '\t' {
		return "", "", errFolded
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok || !isToken(name) {
		return "", "", errField
	}
	if hasControl(value) {
		return "", "", errField
	}
	return name, trimmed(value), nil // it has no line end
}

// hasControl says whether a text has bytes that no line may have: controls other than tabs.
func hasControl(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// meaning reads those header lines that say how the request is to be read.
func (h *head) meaning() error {
	if err := h.readHost(); err != nil {
		return err
	}
	if err := h.readLength(); err != nil {
		return err
	}
	pragma(h.header)
	h.close = hasToken(h.header["Connection"], "close")
	if h.minor == 0 {
		h.keep = !h.close && hasToken(h.header["Connection"], "keep-alive")
		h.close = !h.keep
	}
	if expected := h.header["Expect"]; len(expected) > 0 && expected[0] != "" {
		if !hasToken(expected, "100-continue") {
			return errExpect
		}
		h.expects = h.minor == 1 && h.length != 0
	}
	return nil
}

// pragma says as HTTP/1.1 does what HTTP/1.0 said in another way.
func pragma(h http.Header) {
	if h["Cache-Control"] == nil && len(h["Pragma"]) > 0 && h["Pragma"][0] == "no-cache" {
		h["Cache-Control"] = []string{"no-cache"}
	}
}

func (h *head) readHost() error {
	hosts := h.header["Host"]
	if len(hosts) > 1 || len(hosts) == 0 && h.minor > 0 || len(hosts) == 1 && !isHost(hosts[0]) {
		return errHost
	}
	delete(h.header, "Host")
	if h.host = h.url.Host; h.host == "" && len(hosts) == 1 {
		h.host = hosts[0]
	}
	return nil
}

func (h *head) readLength() error {
	length, err := lengthOf(h.header, h.minor)
	switch {
	case err != nil:
		return err
	case length == unknown:
		return nil
	}
	if h.length = length; length == chunked {
		return h.dropTrailer()
	}
	return nil
}

// lengthOf is the length of the body behind a header, chunked or unknown. It takes the encoding out of the header.
func lengthOf(header http.Header, minor int) (int64, error) {
	lengths, encodings := header["Content-Length"], header["Transfer-Encoding"]
	switch {
	case len(encodings) > 0 && len(lengths) > 0:
		return 0, errBoth
	case len(encodings) > 0 && minor == 0:
		return 0, errOldChunks
	case len(encodings) > 0:
		if len(encodings) > 1 || !strings.EqualFold(encodings[0], "chunked") {
			return 0, errEncoding
		}
		delete(header, "Transfer-Encoding")
		return chunked, nil
	case len(lengths) > 1:
		return 0, errLength
	case len(lengths) == 0:
		return unknown, nil
	}
	n, ok := decimal(lengths[0])
	if !ok {
		return 0, errLength
	}
	return n, nil
}

// dropTrailer takes the announcement of trailers away, which nobody gets.
func (h *head) dropTrailer() error {
	names := h.header["Trailer"]
	for _, name := range []string{"Transfer-Encoding", "Trailer", "Content-Length"} {
		if hasToken(names, name) {
			return errTrailer
		}
	}
	delete(h.header, "Trailer")
	return nil
}

// decimal reads a length.
func decimal(text string) (n int64, ok bool) {
	if text == "" || len(text) > 18 {
		return 0, false
	}
	for i := range len(text) {
		c := text[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// hasToken says whether a list of header values has a word, in any case.
func hasToken(values []string, word string) bool {
	for _, list := range values {
		for list != "" {
			var one string
			one, list, _ = strings.Cut(list, ",")
			if strings.EqualFold(strings.Trim(one, " \t"), word) {
				return true
			}
		}
	}
	return false
}

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

var (
	tokenBytes = bytesOf(digits + letters + "!#$%&'*+-.^_`|~")
	hostBytes  = bytesOf(digits + letters + "!$%&'()*+,-.:;=[]_~")
	plainBytes = bytesOf(digits + letters + "/-._")
)

func bytesOf(list string) (set [256]bool) {
	for i := range len(list) {
		set[list[i]] = true
	}
	return set
}

func isToken(s string) bool { return s != "" && isOf(s, &tokenBytes) }

// isHost says whether a Host header may be one, as net/http does: an empty one may.
func isHost(s string) bool { return isOf(s, &hostBytes) }

func isOf(s string, set *[256]bool) bool {
	for i := range len(s) {
		if !set[s[i]] {
			return false
		}
	}
	return true
}
