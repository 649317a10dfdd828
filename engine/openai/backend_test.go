package openai

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	official "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"agora/wire/openai"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// front puts a backend with the given handler behind our own server.
func front(t *testing.T, backend http.Handler, opt Options) *httptest.Server {
	t.Helper()
	behind := httptest.NewServer(backend)
	t.Cleanup(behind.Close)
	return frontOf(t, behind.URL, opt)
}

func frontOf(t *testing.T, address string, opt Options) *httptest.Server {
	t.Helper()
	opt.Log = quiet()
	b, err := New(address, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	web := httptest.NewServer(b)
	t.Cleanup(web.Close)
	return web
}

const question = `{"model":"chat","messages":[{"role":"user","content":"hi"}] , "x":1e3}`

func post(t *testing.T, web *httptest.Server, body string) (int, string, http.Header) {
	t.Helper()
	resp, err := http.Post(web.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

func TestBytesPassUnchangedButForTheModel(t *testing.T) {
	var got *http.Request
	var body []byte
	web := front(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte("{ \"odd\" :1}\n"))
	}), Options{Model: "llama3.2", Key: "backend-key"})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+"/v1/chat/completions", strings.NewReader(question))
	r.Header = http.Header{"Authorization": {"Bearer consumer-key"}, "Cookie": {"c=d"}, "X-Forwarded-For": {"1.2.3.4"}, "Content-Type": {"application/json"}, "Traceparent": {"00-a-b-01"}}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if want := strings.Replace(question, `"chat"`, `"llama3.2"`, 1); string(body) != want || got.URL.Path != "/v1/chat/completions" {
		t.Errorf("the backend got %s %s", got.URL, body)
	}
	if got.Header.Get("Authorization") != "Bearer backend-key" || got.Header.Get("Cookie") != "" || got.Header.Get("X-Forwarded-For") != "" || got.Header.Get("Traceparent") != "00-a-b-01" {
		t.Errorf("headers passed: %v", got.Header)
	}
	if resp.StatusCode != http.StatusOK || string(answer) != "{ \"odd\" :1}\n" || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d %s %v", resp.StatusCode, answer, resp.Header)
	}
}

func TestEventsPassAsTheyCome(t *testing.T) {
	next := make(chan struct{})
	web := front(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			<-next // until the reader has the event
		}
	}), Options{})
	resp, err := http.Post(web.URL+"/v1/chat/completions", "application/json", strings.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := r.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("%q, %v", line, err)
		}
		r.ReadString('\n')
		next <- struct{}{}
	}
}

// A server that closes each connection a moment after a stream's end, as llama.cpp's does, loses no request.
func TestConnectionThatClosesAfterAStreamIsNotUsedAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			go streamAndClose(conn)
		}
	}()
	web := frontOf(t, "http://"+l.Addr().String(), Options{})
	for i := range 300 {
		if code, text, _ := post(t, web, question); code != http.StatusOK || !strings.Contains(text, "[DONE]") {
			t.Fatalf("request %d: %d %s", i, code, text)
		}
	}
}

// streamAndClose answers one request as if the connection stayed, and closes it.
func streamAndClose(conn net.Conn) {
	defer conn.Close()
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	readAll(r)
	const body = "data: [DONE]\n\n"
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nKeep-Alive: timeout=5, max=100\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

func TestCutAnswerIsNotTakenForWhole(t *testing.T) {
	web := front(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"half":`))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}), Options{})
	resp, err := http.Post(web.URL+"/v1/chat/completions", "application/json", strings.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err == nil {
		t.Fatalf("no error after %q", text)
	}
}

func TestConsumerThatLeavesStopsTheBackend(t *testing.T) {
	started, stopped := make(chan struct{}), make(chan struct{})
	web := front(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		close(started)
		<-r.Context().Done()
		close(stopped)
	}), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	r, _ := http.NewRequestWithContext(ctx, http.MethodPost, web.URL+"/v1/chat/completions", strings.NewReader(question))
	if _, err := http.DefaultClient.Do(r); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	<-stopped
}

func TestBackendsFaultsGetAStatusAndASentence(t *testing.T) {
	status := func(code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.Header().Set("Location", "http://169.254.169.254/")
			w.WriteHeader(code)
			w.Write([]byte("own words"))
		})
	}
	cases := []struct {
		name    string
		backend http.Handler
		body    string
		status  int
		says    string
	}{
		{"overload passes", status(429), question, 429, "own words"},
		{"bad request passes", status(400), question, 400, "own words"},
		{"fault passes", status(503), question, 503, "own words"},
		{"context of llama.cpp", answers(400, `{"error":{"code":400,"message":"exceeds","type":"exceed_context_size_error"}}`), question, 400, `"param":"messages","code":"context_length_exceeded"`},
		{"image of llama.cpp", answers(500, `{"error":{"code":500,"message":"image input is not supported - hint: mmproj","type":"server_error"}}`), question, 400, `"code":"unsupported_parameter"`},
		{"shape of Ollama", answers(400, `{"error":"model runner crashed"}`), question, 400, `"message":"model runner crashed"`},
		{"shape of FastAPI", answers(422, `{"detail":"bad n"}`), question, 422, `"message":"bad n"`},
		{"wrong key", status(401), question, 502, "not set up"},
		{"wrong model", status(404), question, 502, "not set up"},
		{"redirect", status(307), question, 502, "not set up"},
		{"hangs up", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), question, 502, "cannot be reached"},
		{"silent", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { readAll(r); <-r.Context().Done() }), question, 504, "in time"},
		{"not JSON", status(200), "{", 400, "ends before"},
		{"key twice", status(200), `{"model":"a","model":"b"}`, 400, "twice"},
		{"no model", status(200), `{}`, 400, "model is missing"},
		{"too large", status(200), `{"model":"` + strings.Repeat("x", 2<<10) + `"}`, 413, "1024"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			options := Options{MaxBody: 1 << 10}
			if c.status == http.StatusGatewayTimeout {
				options.FirstByte = 50 * time.Millisecond // which any answer may take on a loaded machine
			}
			web := front(t, c.backend, options)
			code, text, header := post(t, web, c.body)
			if code != c.status || !strings.Contains(text, c.says) {
				t.Fatalf("%d %s", code, text)
			}
			if !strings.HasPrefix(text, `{"error":`) {
				t.Fatalf("not in OpenAI's shape: %s", text)
			}
			if code == 429 && header.Get("Retry-After") != "7" {
				t.Fatal("retry-after was lost")
			}
		})
	}
}

func answers(code int, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		readAll(r)
		w.WriteHeader(code)
		fmt.Fprint(w, text)
	})
}

func TestUnreachableBackendIs502WithoutItsAddress(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	code, text, _ := post(t, frontOf(t, gone.URL, Options{}), question)
	if code != http.StatusBadGateway || !strings.Contains(text, "cannot be reached") || strings.Contains(text, gone.Listener.Addr().String()) {
		t.Fatalf("%d %s", code, text)
	}
	b, _ := New(gone.URL, Options{Log: quiet()})
	_, _, err := b.Probe(t.Context())
	if err == nil || !strings.Contains(err.Error(), gone.URL) || !strings.Contains(err.Error(), "is the server running") {
		t.Fatal(err)
	}
}

func TestBackendAddressIsChecked(t *testing.T) {
	for _, bad := range []string{"", "localhost:11434", "ftp://a/v1", "http://", "http://user:pass@a/v1", "http://a/v1?k=v", "://"} {
		if _, err := New(bad, Options{}); err == nil || strings.Contains(err.Error(), "pass@") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for in, want := range map[string]string{
		"http://a": "http://a/v1", "http://a/": "http://a/v1", "http://a/v1/": "http://a/v1", "https://a/api/v1": "https://a/api/v1",
	} {
		if b, err := New(in, Options{}); err != nil || b.base.String() != want {
			t.Errorf("%q: %v, %v", in, b, err)
		}
	}
}

// model is a backend as the well-known servers are: full, or without what the fields take away.
type model struct{ noLogprobs, noStream, noSeed, noChat bool }

func (m *model) handler() http.Handler {
	mux := http.NewServeMux()
	calls := 0
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"object":"list","data":[{"id":"tiny","object":"model","owned_by":"me"},{"id":"large:latest"}]}`)
	})
	mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(readAll(r), `"tiny"`) {
			w.WriteHeader(404)
			return
		}
		fmt.Fprint(w, `{"choices":[{"text":"4"}]}`)
	})
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		req, err := openai.DecodeChat([]byte(readAll(r)))
		if err != nil || m.noChat || m.noLogprobs && req.Logprobs {
			w.WriteHeader(400)
			return
		}
		if calls++; m.noSeed {
			fmt.Fprintf(w, `{"choices":[{"message":{"role":"assistant","content":"call %d"}}]}`, calls)
			return
		}
		if req.Stream && !m.noStream {
			fmt.Fprint(w, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n")
			return
		}
		answer := openai.ChatResponse{Choices: []openai.ChatChoice{{Message: openai.Message{Role: "assistant", Content: "a b c"}}}}
		if req.Logprobs {
			answer.Choices[0].Logprobs = &openai.ChatLogprobs{Content: []openai.TokenLogprob{{Token: "a", TopLogprobs: []openai.TopLogprob{{Token: "a"}}}}}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(answer)
	})
	return mux
}

func readAll(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	return string(body)
}

func TestProbeFindsWhatABackendCanDo(t *testing.T) {
	cases := []struct {
		model model
		want  string // chat completions streaming logprobs seed
	}{
		{model{}, "true true true true true"},
		{model{noLogprobs: true}, "true true true false true"},
		{model{noStream: true}, "true true false true true"},
		{model{noSeed: true}, "true true false false false"},
		{model{noChat: true}, "false true false false false"},
	}
	for _, c := range cases {
		behind := httptest.NewServer(c.model.handler())
		b, err := New(behind.URL, Options{Model: "tiny", Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		info, can, err := b.Probe(t.Context())
		got := fmt.Sprint(can.Chat, can.Completions, can.Streaming, can.Logprobs, can.Seed)
		if err != nil || got != strings.ReplaceAll(c.want, "  ", " ") || info.Model != "tiny" || info.Engine != "openai" || len(can.Models) != 2 {
			t.Errorf("%+v: %s, %+v, %v", c.model, got, info, err)
		}
		b.Close()
		behind.Close()
	}
}

func TestProbeSaysWhichModelsThereAre(t *testing.T) {
	behind := httptest.NewServer((&model{}).handler())
	defer behind.Close()
	for name, says := range map[string]string{"": "name one of them: tiny, large:latest", "huge": `no model "huge", it has: tiny`} {
		b, _ := New(behind.URL, Options{Model: name, Log: quiet()})
		if _, _, err := b.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", name, err)
		}
		b.Close()
	}
}

func TestOfficialClientWorksThroughTheBackend(t *testing.T) {
	web := front(t, (&model{}).handler(), Options{Model: "tiny"})
	c := official.NewClient(option.WithBaseURL(web.URL+"/v1"), option.WithAPIKey("k"), option.WithMaxRetries(0))
	got, err := c.Chat.Completions.New(t.Context(), official.ChatCompletionNewParams{
		Model: "chat", Messages: []official.ChatCompletionMessageParamUnion{official.UserMessage("hi")},
	})
	if err != nil || got.Choices[0].Message.Content != "a b c" {
		t.Fatal(got, err)
	}
}
