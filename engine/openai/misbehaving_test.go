package openai

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"agora/wire/openai"
)

const (
	sse     = "Content-Type: text/event-stream\r\n"
	hello   = `data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"hello"},"finish_reason":null}]}` + "\n\n"
	stop    = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	doneEv  = "data: [DONE]\n\n"
	plainOK = `{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`
)

func withLength(status, headers, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, headers, len(body), body)
}

func chunked(headers, body, trailer string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n%s\r\n", headers, len(body), body, trailer)
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func wide(s string) string {
	var b bytes.Buffer
	b.WriteString("\xff\xfe")
	for _, u := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

// raw serves the same bytes to each request and closes.
func raw(t *testing.T, answer string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				readAll(r)
				io.WriteString(conn, answer)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// Whatever a backend does, a request for a stream is answered whole, is cut, or has an error status: never half an answer for a
// whole one, nor one that the backend did not give.
func TestNothingThatABackendDoesIsTakenForAnAnswer(t *testing.T) {
	whole := hello + stop + doneEv
	tools := `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"a\":"}}]},"finish_reason":null}]}` + "\n\n" + `data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}` + "\n\n" + doneEv
	use := func(u string) string {
		return hello + stop + `data: {"choices":[],"usage":` + u + `}` + "\n\n" + doneEv
	}
	for _, c := range []struct{ name, answer, end string }{
		{"fine", chunked(sse, whole, ""), "whole"},
		{"http/1.0 close", "HTTP/1.0 200 OK\r\n" + sse + "\r\n" + whole, "whole"},
		{"http/1.0 close cut", "HTTP/1.0 200 OK\r\n" + sse + "\r\n" + hello, "cut"},
		{"no length no chunk 1.1", "HTTP/1.1 200 OK\r\n" + sse + "\r\n" + whole, "whole"},
		{"content-length too long", "HTTP/1.1 200 OK\r\n" + sse + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(whole)+50) + whole, "whole"},
		{"content-length too short", "HTTP/1.1 200 OK\r\n" + sse + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(hello+stop)) + whole, "whole"},
		{"content-length half", "HTTP/1.1 200 OK\r\n" + sse + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(hello)/2) + whole, "cut"},
		{"html page 200", withLength("200 OK", "Content-Type: text/html\r\n", "<html><body>It works</body></html>"), "502"},
		{"html as sse", withLength("200 OK", sse, "<html><body>It works</body></html>"), "502"},
		{"sse as json type", chunked("Content-Type: application/json\r\n", whole, ""), "whole"},
		{"sse as text/plain", chunked("Content-Type: text/plain\r\n", whole, ""), "whole"},
		{"sse no type", chunked("", whole, ""), "whole"},
		{"SSE upper type", chunked("Content-Type: Text/Event-Stream; charset=utf-8\r\n", whole, ""), "whole"},
		{"json as sse", chunked(sse, plainOK, ""), "whole"},
		{"json plain to stream", chunked("Content-Type: application/json\r\n", plainOK, ""), "whole"},
		{"json array", chunked("Content-Type: application/json\r\n", "["+plainOK+"]", ""), "502"},
		{"json no choices", chunked("Content-Type: application/json\r\n", `{"id":"c","choices":[]}`, ""), "502"},
		{"json null choices", chunked("Content-Type: application/json\r\n", `{"choices":null}`, ""), "502"},
		{"json choices without finish", chunked("Content-Type: application/json\r\n", `{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"}}]}`, ""), "whole"},
		{"json 200 error", chunked("Content-Type: application/json\r\n", `{"error":{"message":"loading model","code":503}}`, ""), "503 loading model"},
		{"json 200 error string", chunked("Content-Type: application/json\r\n", `{"error":"loading model"}`, ""), "502 loading model"},
		{"empty 200", withLength("200 OK", "Content-Type: application/json\r\n", ""), "502"},
		{"empty sse", withLength("200 OK", sse, ""), "502"},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", "502"},
		{"201 json", withLength("201 Created", "Content-Type: application/json\r\n", plainOK), "502"},
		{"206", withLength("206 Partial Content", sse, whole), "502"},
		{"301", "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "502"},
		{"304", "HTTP/1.1 304 Not Modified\r\n\r\n", "502"},
		{"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "502"},
		{"103s", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 3) + chunked(sse, whole, ""), "whole"},
		{"many 103", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 3000) + chunked(sse, whole, ""), "502"},
		{"trailers", chunked(sse+"Trailer: X-A\r\n", whole, "X-A: b\r\n"), "whole"},
		{"gzip sse", chunked(sse+"Content-Encoding: gzip\r\n", zipped(whole), ""), "502"},
		{"gzip sse unsaid", chunked(sse, zipped(whole), ""), "cut"},
		{"utf-16", chunked(sse, wide(whole), ""), "cut"},
		{"BOM json", chunked("Content-Type: application/json\r\n", "\xef\xbb\xbf"+plainOK, ""), "whole"},
		{"latin-1", chunked(sse, strings.Replace(whole, "hello", "caf\xe9", 1), ""), "whole"},
		{"usage negative", chunked(sse, use(`{"prompt_tokens":-5,"completion_tokens":-1,"total_tokens":-6}`), ""), "whole"},
		{"usage float", chunked(sse, use(`{"prompt_tokens":5.0,"completion_tokens":1e0,"total_tokens":6.0}`), ""), "whole"},
		{"usage huge", chunked(sse, use(`{"prompt_tokens":1e300,"completion_tokens":99999999999999999999}`), ""), "whole"},
		{"usage string", chunked(sse, use(`{"prompt_tokens":"5"}`), ""), "whole"},
		{"usage true", chunked(sse, use(`true`), ""), "whole"},
		{"finish unknown", chunked(sse, strings.Replace(whole, `"stop"`, `"weird_reason"`, 1), ""), "whole"},
		{"finish number", chunked(sse, strings.Replace(whole, `"stop"`, `2`, 1), ""), "cut"},
		{"finish abort", chunked(sse, strings.Replace(whole, `"stop"`, `"abort"`, 1), ""), "502"},
		{"tool calls broken json", chunked(sse, tools, ""), "whole"},
		{"role only", chunked(sse, `data: {"choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}`+"\n\n"+stop+doneEv, ""), "whole"},
		{"delta null", chunked(sse, `data: {"choices":[{"index":0,"delta":null,"finish_reason":null}]}`+"\n\n"+hello+stop+doneEv, ""), "whole"},
		{"delta string", chunked(sse, `data: {"choices":[{"index":0,"delta":"x"}]}`+"\n\n"+hello+stop+doneEv, ""), "cut"},
		{"content parts", chunked(sse, strings.Replace(whole, `"hello"`, `[{"type":"text","text":"hello"}]`, 1), ""), "whole"},
		{"choices object", chunked(sse, `data: {"choices":{"index":0}}`+"\n\n"+stop+doneEv, ""), "cut"},
		{"choices with null", chunked(sse, `data: {"choices":[null]}`+"\n\n"+hello+stop+doneEv, ""), "whole"},
		{"index null", chunked(sse, strings.ReplaceAll(whole, `"index":0`, `"index":null`), ""), "whole"},
		{"index missing", chunked(sse, strings.ReplaceAll(whole, `"index":0,`, ``), ""), "whole"},
		{"1MB chunk", chunked(sse, strings.Replace(whole, "hello", strings.Repeat("x", 1<<20), 1), ""), "whole"},
		{"9MB chunk", chunked(sse, strings.Replace(whole, "hello", strings.Repeat("x", 9<<20), 1), ""), "cut"},
		{"duplicate done", chunked(sse, whole+doneEv+doneEv, ""), "whole"},
		{"data after done", chunked(sse, whole+hello, ""), "whole"},
		{"error after done", chunked(sse, whole+`data: {"error":{"message":"x"}}`+"\n\n", ""), "whole"},
		{"DONE as event", chunked(sse, hello+stop+"event: done\ndata: {}\n\n", ""), "whole"},
		{"ping event", chunked(sse, "event: ping\ndata: {}\n\n"+hello+"event: ping\ndata: {\"type\":\"ping\"}\n\n"+stop+doneEv, ""), "whole"},
		{"ping first typed", chunked(sse, "event: ping\ndata: {\"type\":\"ping\"}\n\n"+whole, ""), "whole"},
		{"data empty first", chunked(sse, "data:\n\ndata: \n\n"+whole, ""), "whole"},
		{"null data", chunked(sse, "data: null\n\n"+whole, ""), "whole"},
		{"azure first", chunked(sse, `data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}`+"\n\n"+whole, ""), "whole"},
		{"ndjson", chunked("Content-Type: application/x-ndjson\r\n", `{"message":{"role":"assistant","content":"hello"},"done":false}`+"\n"+`{"done":true}`+"\n", ""), "502"},
		{"NaN logprob", chunked(sse, strings.Replace(whole, `"delta"`, `"logprobs":{"content":[{"token":"a","logprob":NaN}]},"delta"`, 1), ""), "cut"},
		{"deep", chunked(sse, strings.Replace(whole, `"id":"c"`, `"x":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000), 1), ""), "cut"},
		{"header huge", "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 100<<10) + "\r\n" + sse + "\r\n" + whole, "502"},
		{"status 999", withLength("999 Odd", sse, whole), "502"},
		{"bad status line", "HTTP/1.1 abc\r\n\r\n", "502"},
		{"not http", "hello\r\n", "502"},
		{"close at once", "", "502"},
		{"401", withLength("401 No", "Content-Type: application/json\r\n", `{"error":{"message":"key"}}`), "502"},
		{"402", withLength("402 Pay", "Content-Type: application/json\r\n", `{"error":{"message":"pay the backend"}}`), "502"},
		{"407", withLength("407 No", "", "no"), "502"},
		{"408", withLength("408 slow", "", "slow"), "504"},
		{"410", withLength("410 gone", "", "gone"), "502"},
		{"413", withLength("413 big", "", "big"), "413"},
		{"422", withLength("422 bad", "Content-Type: application/json\r\n", `{"detail":"bad"}`), "422"},
		{"425", withLength("425 early", "", "early"), "503"},
		{"499", withLength("499 gone", "", "gone"), "504"},
		{"503", withLength("503 loading", "Content-Type: application/json\r\n", `{"error":{"message":"Loading model","type":"unavailable_error","code":503}}`), "503 Loading model"},
		{"529", withLength("529 over", "", "overloaded"), "529"},
		{"chunk size lie", "HTTP/1.1 200 OK\r\n" + sse + "Transfer-Encoding: chunked\r\n\r\nffff\r\n" + whole + "\r\n0\r\n\r\n", "whole"},
		{"chunk garbage after", "HTTP/1.1 200 OK\r\n" + sse + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\nzz\r\n", len(whole), whole), "whole"},
		{"te+cl", "HTTP/1.1 200 OK\r\n" + sse + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(whole), whole), "whole"},
	} {
		t.Run(c.name, func(t *testing.T) {
			web := frontOf(t, raw(t, c.answer), Options{Model: "m"})
			resp, err := http.Post(web.URL+"/v1/chat/completions", "application/json", strings.NewReader(strings.Replace(question, `"x":1e3`, `"stream":true`, 1)))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if got := endOf(resp); got != c.end && !(len(c.end) == 3 && strings.HasPrefix(got, c.end)) {
				t.Errorf("ended %q, want %q", got, c.end)
			}
		})
	}
}

// endOf is how an answer ended: "whole", "cut", or the status and the reason of an error, which a stream may tell too.
func endOf(resp *http.Response) string {
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.StatusCode, " ", openai.Foreign(resp.StatusCode, text).Message)
	}
	_, err := openai.Join(openai.NewStream(resp.Body, 8<<20))
	var told *openai.Error
	switch {
	case err == nil:
		return "whole"
	case errors.As(err, &told):
		return fmt.Sprint(told.Status, " ", told.Message)
	}
	return "cut"
}
