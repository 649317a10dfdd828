package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// told is an answer as a client takes it, and what stands behind it.
type told struct {
	status          string
	code, minor     int
	header, trailer http.Header
	length          int64
	encoding        []string
	closing         bool
	body, rest      string
}

func toldOf(r *http.Response, err error, rest func() string) (told, error) {
	if err != nil {
		return told{}, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return told{}, err
	}
	return told{r.Status, r.StatusCode, r.ProtoMinor, r.Header, r.Trailer, r.ContentLength, r.TransferEncoding, r.Close, string(body), rest()}, nil
}

func askedBy(method string) *http.Request { return &http.Request{Method: method} }

// read reads an answer by this package.
func read(data []byte, method string, piece int) (told, error) {
	said := &script{data, piece}
	a := NewAnswers(said, func() error { _, err := said.Read(nil); return err })
	limit := 1 << 20
	r, err := a.Next(askedBy(method), &limit)
	return toldOf(r, err, func() string { return string(a.in.waiting()) + string(said.text) })
}

// readStandard reads one as net/http's client does.
func readStandard(data []byte, method string) (told, error) {
	in := bufio.NewReaderSize(bytes.NewReader(data), 64<<10)
	r, err := http.ReadResponse(in, askedBy(method))
	return toldOf(r, err, func() string { rest, _ := io.ReadAll(in); return string(rest) })
}

// answers are answers of all kinds, and whether they are taken.
var answers = []struct {
	said string
	ok   bool
}{
	{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1", true},
	{"HTTP/1.1 200 \r\nContent-Type: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\nrest", true},
	{"HTTP/1.1 200 OK\r\nTrailer: B, c\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\nA: 1\r\nb: 2\r\nB: 3\r\n\r\nrest", true},
	{"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nRetry-After: 1\r\nPragma: no-cache\r\n\r\nuntil the end", true},
	{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nab", true},
	{"HTTP/1.0 200 OK\r\n\r\nab", true},
	{"HTTP/1.1 204 No Content\r\nTrailer: a\r\n\r\nab", true},
	{"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nab", true},
	{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", true},
	{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nab", true},
	{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false},
	{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", false},
	{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", false},
	{"HTTP/1.1 200 OK\r\nTrailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", false},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", false},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: b\r\n", 500) + "\r\n", false},
	{"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"HTTP/2.0 200 OK\r\n\r\n", false},
	{"HTTP/1.1 20 OK\r\n\r\n", false},
	{"HTTP/1.1 +20 OK\r\n\r\n", false},
	{"HTTP/1.1 200 OK\nA: b\n\n", false},
	{"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", false},
	{"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", false},
	{"HTTP/1.1 200 OK\r\nA: b", false},
}

func TestAnswersAreReadAsByTheStandardClient(t *testing.T) {
	for _, c := range answers {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			for _, piece := range []int{1, 7, 4096} {
				got, err := read([]byte(c.said), method, piece)
				if method == http.MethodGet {
					require.Equal(t, c.ok, err == nil, "%q: %v", c.said, err)
				}
				if err != nil {
					continue
				}
				want, err := readStandard([]byte(c.said), method)
				require.NoError(t, err, "%q", c.said)
				require.Equal(t, want, got, "%s %q", method, c.said)
			}
		}
	}
}

// FuzzAnswer holds what is taken to net/http: the same answer, and the same bytes behind it.
func FuzzAnswer(f *testing.F) {
	for _, c := range answers {
		f.Add([]byte(c.said), uint16(7), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint16, head bool) {
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		got, err := read(data, method, max(1, int(piece)))
		if err != nil {
			return
		}
		want, err := readStandard(data, method)
		require.NoError(t, err, "net/http refuses what is taken here")
		require.Equal(t, want, got)
	})
}

func TestHeadersOfAnswersAreBounded(t *testing.T) {
	endless := NewAnswers(io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\nA: "), &zeros{}), nil)
	limit := 5000
	_, err := endless.Next(askedBy(http.MethodGet), &limit)
	require.ErrorIs(t, err, ErrLarge)
	_, err = NewAnswers(strings.NewReader(""), nil).Next(askedBy(http.MethodGet), &limit)
	require.ErrorIs(t, err, ErrNoAnswer)
	_, err = NewAnswers(strings.NewReader("H"), nil).Next(askedBy(http.MethodGet), &limit)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotErrorIs(t, err, ErrNoAnswer)
}

// zeros is a text of letters without end.
type zeros struct{}

func (*zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// An answer that waits for its next part holds no buffer.
func TestAnswersHoldNoBufferWhileTheyWait(t *testing.T) {
	var a *Answers
	waits := 0
	pieces := []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", "1\r\nb\r\n", "0\r\n\r\n"}
	said := &script{piece: 4096}
	a = NewAnswers(said, func() error {
		require.Nil(t, a.in.buf)
		said.text = []byte(pieces[waits])
		waits++
		return nil
	})
	limit := 1 << 10
	r, err := a.Next(askedBy(http.MethodGet), &limit)
	require.NoError(t, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, "ab", string(body))
	require.Equal(t, len(pieces), waits)
	require.True(t, a.Idle())
	require.Nil(t, a.in.buf, "after its end")
}

func TestAnswersHoldNoBufferAfterTheirEnd(t *testing.T) {
	for _, said := range []string{
		"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
	} {
		a := NewAnswers(&script{[]byte(said), 4096}, func() error { return nil })
		limit := 1 << 10
		r, err := a.Next(askedBy(http.MethodGet), &limit)
		require.NoError(t, err)
		if body, ok := r.Body.(*AnswerBody); ok {
			_, err = io.ReadFull(body, make([]byte, 2))
			require.NoError(t, err)
			require.True(t, body.AtEnd(), said)
		}
		require.Nil(t, a.in.buf, said)
	}
}

func TestAtEndDoesNotWait(t *testing.T) {
	whole := "1\r\na\r\n2\r\nbc\r\n0\r\nA: b\r\nA: c\r\n\r\n"
	for come := 4; come <= len(whole); come++ {
		from := &script{[]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n" + whole[:come]), 4096}
		a := NewAnswers(from, func() error {
			if len(from.text) == 0 {
				return errors.New("it waits")
			}
			return nil
		})
		limit := 1 << 10
		r, err := a.Next(askedBy(http.MethodGet), &limit)
		require.NoError(t, err)
		body, got := r.Body.(*AnswerBody), make([]byte, 3)
		for n := range min(3, 1+max(0, come-9)) { // what came of the text
			require.False(t, body.AtEnd(), "%q", whole[:come])
			_, err = io.ReadFull(body, got[n:n+1])
			require.NoError(t, err)
		}
		read := min(3, 1+max(0, come-9))
		for range 3 { // asking changes nothing
			require.Equal(t, come == len(whole), body.AtEnd(), "%q", whole[:come])
		}
		from.text = []byte(whole[come:])
		rest, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Equal(t, "abc", string(got[:read])+string(rest))
		require.Equal(t, []string{"b", "c"}, r.Trailer["A"])
		require.True(t, body.AtEnd())
		require.True(t, a.Idle())
	}
}

// What is no body's end is none, and stays to be read as what it is.
func TestAtEndOfWhatIsNoBody(t *testing.T) {
	for _, said := range []string{"1\r\na\r\nx\r\n", "1\r\na\r\n0\r\nA b\r\n\r\n", "1\r\nab\r\n"} {
		a := NewAnswers(&script{[]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + said), 4096}, nil)
		limit := 1 << 10
		r, err := a.Next(askedBy(http.MethodGet), &limit)
		require.NoError(t, err)
		_, err = io.ReadFull(r.Body, make([]byte, 1))
		require.NoError(t, err)
		body := r.Body.(*AnswerBody)
		require.False(t, body.AtEnd(), "%q", said)
		_, err = io.ReadAll(body)
		require.Error(t, err)
		require.False(t, body.AtEnd())
	}
}

func TestRequestsAreWrittenAsTheStandardClientWritesThem(t *testing.T) {
	twice := func(method, url, body string, change func(*http.Request)) (a, b *http.Request) {
		var both [2]*http.Request
		for i := range both {
			var in io.Reader
			if body != "" {
				in = strings.NewReader(body)
			}
			r, err := http.NewRequest(method, url, in)
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/json")
			if change != nil {
				change(r)
			}
			both[i] = r
		}
		return both[0], both[1]
	}
	for name, c := range map[string]struct {
		method, url, body string
		change            func(*http.Request)
		usual             bool
	}{
		"a post":              {http.MethodPost, "http://miner/v1/chat/completions", "{}", nil, true},
		"without an agent":    {http.MethodPost, "http://miner/a", "{}", func(r *http.Request) { r.Header["User-Agent"] = []string{""} }, true},
		"with its own":        {http.MethodPost, "http://miner/a", "{}", func(r *http.Request) { r.Header.Set("User-Agent", "me") }, true},
		"more lines":          {http.MethodPut, "http://m/a", "x", func(r *http.Request) { r.Header["B"] = []string{"1", "", "a b"}; r.Header["A"] = []string{"2"} }, true},
		"empty post":          {http.MethodPost, "http://miner/a", "", nil, true},
		"get":                 {http.MethodGet, "http://miner/a", "", nil, true},
		"head":                {http.MethodHead, "http://miner/a", "", nil, true},
		"get with a body":     {http.MethodGet, "http://miner/a", "x", nil, true},
		"delete":              {http.MethodDelete, "http://miner/a", "x", nil, false},
		"a query":             {http.MethodGet, "http://miner/a?b=c", "", nil, false},
		"another host":        {http.MethodGet, "http://miner/a", "", func(r *http.Request) { r.Host = "b" }, false},
		"an escape":           {http.MethodGet, "http://miner/a%20b", "", nil, false},
		"no path":             {http.MethodGet, "http://miner", "", nil, false},
		"chunks":              {http.MethodPost, "http://miner/a", "x", func(r *http.Request) { r.ContentLength = -1 }, false},
		"closing":             {http.MethodPost, "http://miner/a", "x", func(r *http.Request) { r.Close = true }, false},
		"a length of its own": {http.MethodPost, "http://miner/a", "x", func(r *http.Request) { r.Header["Content-Length"] = []string{"9"} }, false},
		"a line's end":        {http.MethodPost, "http://miner/a", "x", func(r *http.Request) { r.Header["A"] = []string{"a\r\nB: c"} }, false},
		"a blank at an end":   {http.MethodPost, "http://miner/a", "x", func(r *http.Request) { r.Header["A"] = []string{" a"} }, false},
		"no name":             {http.MethodPost, "http://miner/a", "x", func(r *http.Request) { r.Header["A b"] = []string{"a"} }, false},
		"trailers":            {http.MethodPost, "http://miner/a", "x", func(r *http.Request) { r.Trailer = http.Header{"A": nil} }, false},
	} {
		mine, theirs := twice(c.method, c.url, c.body, c.change)
		got, usual, err := AppendRequest([]byte("before"), mine)
		require.NoError(t, err, name)
		require.Equal(t, c.usual, usual, name)
		if !usual {
			require.Equal(t, "before", string(got), name)
			continue
		}
		var want bytes.Buffer
		require.NoError(t, theirs.Write(&want), name)
		require.Equal(t, "before"+want.String(), string(got), name)
	}
}

func TestRequestsOfAnotherLengthAreNotSent(t *testing.T) {
	for _, length := range []int64{1, 2, 4, 5000} {
		r, err := http.NewRequest(http.MethodPost, "http://miner/a", strings.NewReader("abc"))
		require.NoError(t, err)
		r.ContentLength = length
		_, _, err = AppendRequest(nil, r)
		require.ErrorIs(t, err, errShort)
	}
	r, err := http.NewRequest(http.MethodPost, "http://miner/a", io.MultiReader(strings.NewReader("a"), broken{}))
	require.NoError(t, err)
	r.ContentLength = 3
	_, _, err = AppendRequest(nil, r)
	require.ErrorIs(t, err, errBroken)
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Read([]byte) (int, error) { time.Sleep(time.Millisecond); return 0, errBroken }
