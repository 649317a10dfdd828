package http1

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const host = "Host: a\r\n"

// asked are requests that both servers answer alike; of more than one the method is that of all.
var asked = []struct{ name, method, sent string }{
	{"get", "GET", "GET /x?y=%20z HTTP/1.1\r\n" + host + "X-A: 1\r\nx-a: 2\r\nAccept:\t*/* \r\n\r\n"},
	{"two", "GET", "GET /1 HTTP/1.1\r\n" + host + "\r\nGET /2 HTTP/1.1\r\n" + host + "\r\n"},
	{"absolute", "GET", "GET http://b/x HTTP/1.1\r\n" + host + "\r\n"},
	{"two slashes", "GET", "GET //x HTTP/1.1\r\n" + host + "\r\n"},
	{"escaped", "GET", "GET /a%2Fb HTTP/1.1\r\n" + host + "\r\n"},
	{"pragma", "GET", "GET /x HTTP/1.1\r\n" + host + "Pragma: no-cache\r\n\r\n"},
	{"closing", "GET", "GET /x HTTP/1.1\r\n" + host + "Connection: keep-alive, Close\r\n\r\n"},
	{"old", "GET", "GET /x HTTP/1.0\r\n\r\n"},
	{"old and kept", "GET", "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"},
	{"old and kept, streamed", "GET", "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"},
	{"old and large", "GET", "GET /large HTTP/1.0\r\n\r\n"},
	{"posted", "POST", "POST /body HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello"},
	{"posted twice", "POST", "POST /body HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhelloPOST /body HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n"},
	{"posted with an empty line behind", "POST", "POST /body HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello\r\nPOST /body HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n"},
	{"in chunks", "POST", "POST /body HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;ext=1\r\n!\r\n0\r\n\r\n"},
	{"in chunks with trailers", "POST", "POST /body HTTP/1.1\r\n" + host + "Transfer-Encoding: Chunked\r\nTrailer: X-T\r\n\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n"},
	{"not read", "POST", "POST /empty HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello"},
	{"chunks not read", "POST", "POST /empty HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"expected and not read", "POST", "POST /empty HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"},
	{"expected with nothing", "POST", "POST /body HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"},
	{"large", "GET", "GET /large HTTP/1.1\r\n" + host + "\r\n"},
	{"huge", "GET", "GET /huge HTTP/1.1\r\n" + host + "\r\n"},
	{"length", "GET", "GET /length HTTP/1.1\r\n" + host + "\r\n"},
	{"length and old", "GET", "GET /length HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"},
	{"short", "GET", "GET /short HTTP/1.1\r\n" + host + "\r\n"},
	{"long", "GET", "GET /long HTTP/1.1\r\n" + host + "\r\n"},
	{"stream", "GET", "GET /stream HTTP/1.1\r\n" + host + "\r\n"},
	{"trailers", "GET", "GET /trailers HTTP/1.1\r\n" + host + "\r\n"},
	{"late trailers", "GET", "GET /late HTTP/1.1\r\n" + host + "\r\n"},
	{"early trailers", "GET", "GET /early HTTP/1.1\r\n" + host + "\r\n"},
	{"frozen", "GET", "GET /frozen HTTP/1.1\r\n" + host + "\r\n"},
	{"line ends in values", "GET", "GET /lines HTTP/1.1\r\n" + host + "\r\n"},
	{"no content", "GET", "GET /status?204 HTTP/1.1\r\n" + host + "\r\n"},
	{"not modified", "GET", "GET /status?304 HTTP/1.1\r\n" + host + "\r\n"},
	{"unknown status", "GET", "GET /status?599 HTTP/1.1\r\n" + host + "\r\n"},
	{"handler closes", "GET", "GET /close HTTP/1.1\r\n" + host + "\r\n"},
	{"aborted", "GET", "GET /abort HTTP/1.1\r\n" + host + "\r\n"},
	{"empty", "GET", "GET /empty HTTP/1.1\r\n" + host + "\r\n"},
	{"typed", "GET", "GET /typed HTTP/1.1\r\n" + host + "\r\n"},
	{"packed", "GET", "GET /packed HTTP/1.1\r\n" + host + "\r\n"},
	{"head", "HEAD", "HEAD /x HTTP/1.1\r\n" + host + "\r\n"},
	{"head of large", "HEAD", "HEAD /large HTTP/1.1\r\n" + host + "\r\n"},
	{"head of length", "HEAD", "HEAD /length HTTP/1.1\r\n" + host + "\r\n"},
	{"head of stream", "HEAD", "HEAD /stream HTTP/1.1\r\n" + host + "\r\n"},
	{"head of nothing", "HEAD", "HEAD /empty HTTP/1.1\r\n" + host + "\r\n"},
}

// TestAnswersAsTheStandardServer holds answers, and whether the connection goes on after them, to net/http's.
func TestAnswersAsTheStandardServer(t *testing.T) {
	ours, standard := start(t, &Server{Handler: http.HandlerFunc(echo)}), startStandard(t, http.HandlerFunc(echo))
	for _, c := range asked {
		t.Run(c.name, func(t *testing.T) {
			mine, goesOn := conversation(t, ours, c.method, c.sent)
			theirs, theyGoOn := conversation(t, standard, c.method, c.sent)
			require.Equal(t, theirs, mine)
			require.Equal(t, theyGoOn, goesOn, "whether the connection goes on")
		})
	}
}

// conversation sends requests and hears all answers, and says whether one more is answered then.
func conversation(t *testing.T, addr, method, sent string) (all []heard, goesOn bool) {
	c := dial(t, addr).say(sent)
	for range strings.Count(sent, " HTTP/1.") {
		h, err := c.hear(method)
		if err != nil {
			return all, false
		}
		all = append(all, h)
	}
	if _, err := c.Write([]byte("GET /after HTTP/1.1\r\n" + host + "\r\n")); err != nil {
		return all, false
	}
	h, err := c.hear(http.MethodGet)
	return all, err == nil && h.status == http.StatusOK && strings.HasPrefix(h.body, "GET /after")
}

// TestWhatCanBeReadInTwoWaysIsRefused also says where net/http is less strict.
func TestWhatCanBeReadInTwoWaysIsRefused(t *testing.T) {
	addr := start(t, &Server{Handler: http.HandlerFunc(echo)})
	chunks := "POST /body HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n"
	for _, c := range []struct {
		name   string
		status int
		sent   string
	}{
		{"length and chunks", 400, chunks + "Content-Length: 5\r\n\r\n0\r\n\r\n"}, // net/http prefers the chunks
		{"two lengths", 400, "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"},
		{"the same length twice", 400, "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"}, // net/http takes it
		{"a list of lengths", 400, "POST / HTTP/1.1\r\n" + host + "Content-Length: 5, 5\r\n\r\nhello"},
		{"a length with a sign", 400, "POST / HTTP/1.1\r\n" + host + "Content-Length: +5\r\n\r\nhello"},
		{"a negative length", 400, "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n"},
		{"a length in hexadecimal", 400, "POST / HTTP/1.1\r\n" + host + "Content-Length: 0x5\r\n\r\nhello"},
		{"no length", 400, "POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\nhello"},
		{"a length beyond all", 400, "POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n"},
		{"two encodings", 501, chunks + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"a list of encodings", 501, "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{"another encoding", 501, "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
		{"old chunks", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}, // net/http reads no body
		{"LF alone", 400, "GET / HTTP/1.1\n" + host + "\r\n"},                                 // net/http takes it, as the next three
		{"LF alone in a header", 400, "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"},
		{"LF alone at the end", 400, "GET / HTTP/1.1\r\n" + host + "\n"},
		{"folded", 400, "GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n"},
		{"folded first", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
		{"blank before the colon", 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
		{"no colon", 400, "GET / HTTP/1.1\r\n" + host + "nothing\r\n\r\n"},
		{"no name", 400, "GET / HTTP/1.1\r\n" + host + ": x\r\n\r\n"},
		{"a bad name", 400, "GET / HTTP/1.1\r\n" + host + "a(b: x\r\n\r\n"},
		{"a bad value", 400, "GET / HTTP/1.1\r\n" + host + "a: x\x00\r\n\r\n"},
		{"CR in a value", 400, "GET / HTTP/1.1\r\n" + host + "a: x\ry\r\n\r\n"},
		{"no host", 400, "GET / HTTP/1.1\r\n\r\n"},
		{"two hosts", 400, "GET / HTTP/1.1\r\n" + host + host + "\r\n"},
		{"a bad host", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
		{"an empty line first", 400, "\r\nGET / HTTP/1.1\r\n" + host + "\r\n"},
		{"no version", 400, "GET /\r\n" + host + "\r\n"},
		{"two blanks", 400, "GET  / HTTP/1.1\r\n" + host + "\r\n"},
		{"a blank behind", 400, "GET / HTTP/1.1 \r\n" + host + "\r\n"},
		{"a bad method", 400, "G(T / HTTP/1.1\r\n" + host + "\r\n"},
		{"a bad target", 400, "GET x HTTP/1.1\r\n" + host + "\r\n"},
		{"connect", 400, "CONNECT a:1 HTTP/1.1\r\n" + host + "\r\n"},
		{"HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
		{"HTTP/1.2", 505, "GET / HTTP/1.2\r\n" + host + "\r\n"}, // net/http takes it
		{"a trailer that frames", 400, chunks + "Trailer: content-length\r\n\r\n0\r\n\r\n"},
		{"another expectation", 417, "GET / HTTP/1.1\r\n" + host + "Expect: more\r\n\r\n"},
		{"a large header", 431, "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 33<<10) + "\r\n\r\n"},
		{"a large line", 431, "GET /" + strings.Repeat("x", 40<<10)},
		{"TLS", 0, "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := dial(t, addr).say(c.sent)
			h, err := client.hear(http.MethodGet)
			require.NoError(t, err)
			if c.status == 0 {
				c.status = 400
			}
			require.Equal(t, c.status, h.status, h.body)
			require.True(t, h.closing)
			require.True(t, client.ends(), "nothing else is read as a request")
		})
	}
}

// TestBadChunksEndTheConnection sends bodies whose end cannot be found.
func TestBadChunksEndTheConnection(t *testing.T) {
	addr := start(t, &Server{Handler: http.HandlerFunc(echo)})
	for name, body := range map[string]string{
		"no size": "\r\nhello\r\n0\r\n\r\n", "no digit": "x\r\n", "a sign": "+5\r\nhello\r\n0\r\n\r\n", "hexadecimal mark": "0x5\r\nhello\r\n0\r\n\r\n",
		"a blank": "5 \r\nhello\r\n0\r\n\r\n", "beyond all": "ffffffffffffffff\r\n", "LF alone": "5\nhello\r\n0\r\n\r\n", "longer": "5\r\nhello!\r\n0\r\n\r\n",
		"CR in an extension": "5;a\rb\r\nhello\r\n0\r\n\r\n", "NUL in an extension": "5;\x00\r\nhello\r\n0\r\n\r\n",
		"LF behind": "5\r\nhello\n0\r\n\r\n", "a long line": "5;" + strings.Repeat("x", 200) + "\r\nhello\r\n0\r\n\r\n",
		"much noise": strings.Repeat("1;"+strings.Repeat("x", 100)+"\r\n!\r\n", 50) + "0\r\n\r\n", "a bad trailer": "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
		"long trailers": "5\r\nhello\r\n0\r\n" + strings.Repeat("X: y\r\n", 500) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, addr).say("POST /body HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n" + body + "GET /after HTTP/1.1\r\n" + host + "\r\n")
			h, err := client.hear(http.MethodGet)
			require.NoError(t, err)
			require.NotContains(t, h.body, "<nil>", "the handler is told")
			require.True(t, client.ends(), "nothing else is read as a request")
		})
	}
}
