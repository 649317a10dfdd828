package miner

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"agora/engine"
	"agora/engine/native/llm"
	"agora/engine/native/modeltest"
	"agora/engine/native/sample"
	"agora/engine/native/tensor"
	"agora/wire"
	wireopenai "agora/wire/openai"
	"agora/wire/receipt"
)

// signing miner: a real model of random weights, a hub and the wire between them.
func signingMiner(t *testing.T) (*wire.Hub, *llm.Engine) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Output: true, Width: 64, Seed: 1}), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := llm.Open(path, llm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return signingFor(t, e), e
}

// signingFor is a miner that signs what an engine says, and its hub.
func signingFor(t *testing.T, e engine.Engine) *wire.Hub {
	t.Helper()
	hub, at := openHub(t, "a")
	m, err := New(Config{
		Key: hotKey("miner"), NetUID: 3, Handler: NewServer(e, Options{Log: quiet()}), Directory: Static{at}, AllowPrivate: true, Log: quiet(),
		Seat: func() (Seat, bool) { return Seat{"agora-test", 3, 5, 77, e.Info()}, true },
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, m)
	eventually(t, "the hub lists the miner", func() bool { return hub.Connected(3, pub(hotKey("miner"))) })
	return hub
}

// Who answers behind a miner gets a trace for each request, which is its nonce, whoever asks: no header of a voice's own.
func TestARequestsTraceIsItsNonce(t *testing.T) {
	var got string
	h := (&Miner{}).signed(pub(hotKey("a")), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Traceparent") }))
	nonce := "000102030405060708090a0b0c0d0e0f"
	for _, c := range []struct{ nonce, want string }{{nonce, "00-" + nonce + "-" + nonce[16:] + "-01"}, {"", ""}, {"01", ""}} {
		r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader("{}"))
		r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		r.Header.Set(receipt.NonceHeader, c.nonce)
		if h.ServeHTTP(httptest.NewRecorder(), r); got != c.want {
			t.Errorf("nonce %q: %q, want %q", c.nonce, got, c.want)
		}
	}
}

// heard asks the miner for a chat and keeps what a gateway would.
func heard(t *testing.T, hub *wire.Hub, body string, nonce [16]byte) (receipt.Heard, string) {
	t.Helper()
	return heardAt(t, "/v1/chat/completions", hub, body, nonce)
}

func heardAt(t *testing.T, path string, hub *wire.Hub, body string, nonce [16]byte) (receipt.Heard, string) {
	t.Helper()
	return heardFrom(t, path, hub, body, nonce, receipt.Together)
}

func heardFrom(t *testing.T, path string, hub *wire.Hub, body string, nonce [16]byte, takes string) (receipt.Heard, string) {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://miner"+path, strings.NewReader(body))
	r.Header.Set(receipt.NonceHeader, hex.EncodeToString(nonce[:]))
	r.Header.Set(receipt.TakesHeader, takes)
	resp, err := hub.RoundTripper(3, pub(hotKey("miner"))).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%d: %s, %v", resp.StatusCode, all, err)
	}
	var h receipt.Heard
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		h.Whole(all, resp.Header.Get(receipt.TokensHeader))
		return h, resp.Header.Get(receipt.Header)
	}
	s := wireopenai.NewStream(bytes.NewReader(all), 1<<20)
	for {
		c, err := s.Next()
		if err == io.EOF {
			return h, resp.Trailer.Get(receipt.Header)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !c.Comment {
			h.Chunk(c.Data)
		} else if !h.Comment(c.Data) {
			t.Errorf("comment %q", c.Data)
		}
	}
}

// A voice that takes receipts which are signed together gets them from answers that end at one moment; for another each is signed alone.
func TestAnswersOfOneMomentAreSignedTogether(t *testing.T) {
	const body = `{"model":"m","messages":[{"role":"user","content":"What does it cost?"}],"stream":true}`
	p := euro()
	hub := signingFor(t, p)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // answers are there before the first is signed
	for takes, most := range map[string]int{receipt.Together: 100, "": 200, "alone": 200} {
		signatures := sync.Map{}
		var wg sync.WaitGroup
		for i := range 200 {
			if i%40 == 0 { // as many as the miner takes at once
				wg.Wait()
			}
			wg.Go(func() {
				nonce := [16]byte{byte(i)}
				h, signed := heardFrom(t, "/v1/chat/completions", hub, body, nonce, takes)
				if _, err := h.Check(signed, pub(hotKey("miner")), receipt.Bound{
					ChainID: "agora-test", Netuid: 3, UID: 5, Registered: 77, Voice: [32]byte(pub(hotKey("a"))), Nonce: nonce,
					Request: receipt.RequestHash(nonce, []byte(body)), Digest: digestOf(p.Info().Digest), Engine: p.Info().Engine,
				}); err != nil {
					t.Errorf("%q, answer %d: %v", takes, i, err)
					return
				}
				signatures.Store(signed[len(signed)-80:], true)
			})
		}
		wg.Wait()
		n := 0
		signatures.Range(func(any, any) bool { n++; return true })
		if n > most || most == 200 && n != most {
			t.Errorf("takes %q: %d signatures of 200 answers, want %d", takes, n, most)
		}
		t.Logf("takes %q: %d signatures of 200 answers", takes, n)
	}
}

func TestEveryAnswerIsSignedAndCanBeDrawnAgain(t *testing.T) {
	hub, e := signingMiner(t)
	nonce := [16]byte{1, 2, 3}
	for name, body := range map[string]string{
		"whole":                `{"model":"m","messages":[{"role":"user","content":"Say something."}],"max_tokens":12,"temperature":0.9}`,
		"streamed":             `{"model":"m","messages":[{"role":"user","content":"Say something."}],"max_tokens":12,"temperature":0.9,"stream":true}`,
		"three":                `{"model":"m","messages":[{"role":"user","content":"Say something."}],"max_tokens":7,"temperature":1,"n":3,"stream":true}`,
		"by its own seed":      `{"model":"m","messages":[{"role":"user","content":"Say something."}],"max_tokens":7,"temperature":1,"seed":11}`,
		"with the most likely": `{"model":"m","messages":[{"role":"user","content":"Say something."}],"max_tokens":7}`,
	} {
		t.Run(name, func(t *testing.T) {
			h, signed := heard(t, hub, body, nonce)
			want := receipt.Bound{
				ChainID: "agora-test", Netuid: 3, UID: 5, Registered: 77, Voice: [32]byte(pub(hotKey("a"))), Nonce: nonce,
				Request: receipt.RequestHash(nonce, []byte(body)), Digest: digestOf(e.Info().Digest), Engine: e.Info().Engine, Versions: []string{e.Info().Version},
			}
			a, err := h.Check(signed, pub(hotKey("miner")), want)
			if err != nil {
				t.Fatal(err)
			}
			req, err := wireopenai.DecodeChat([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			for i, ids := range a.Tokens {
				seed := sample.SeedFor(i, nonce, want.Request)
				if req.Seed != nil {
					seed = sample.SeedOf(i, *req.Seed)
				}
				v, err := engine.Replayer(e).Replay(t.Context(), req, ids, seed)
				if err != nil || !v.Right() {
					t.Errorf("choice %d: %+v, %v", i, v, err)
				}
			}
			want.Nonce[0]++
			if _, err := h.Check(signed, pub(hotKey("miner")), want); !errors.Is(err, receipt.ErrBinding) {
				t.Errorf("for another nonce: %v", err)
			}
		})
	}
}

// What an engine of this process says is signed without reading the stream again: whatever the bytes of its tokens are, and where
// they are cut, a gateway must find in the stream what the receipt is for.
func TestAStreamIsSignedAsItsReaderReadsIt(t *testing.T) {
	e := &parrot{}
	hub := signingFor(t, e)
	draw := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"", "a", "€", "\xe2\x82", "\xac", "\xff", "\xf0\x9f", "\x98\x80", "<&>", "\u2028", "\"", "\\", "\n", "\x00", "word "}
	one := func(n int) string {
		var text strings.Builder
		for range n {
			text.WriteString(pieces[draw.IntN(len(pieces))])
		}
		return text.String()
	}
	nonce := [16]byte{4, 5}
	check := func(path, body string) {
		t.Helper()
		h, signed := heardAt(t, path, hub, body, nonce)
		bound := receipt.Bound{
			ChainID: "agora-test", Netuid: 3, UID: 5, Registered: 77, Voice: [32]byte(pub(hotKey("a"))), Nonce: nonce,
			Request: receipt.RequestHash(nonce, []byte(body)), Engine: e.Info().Engine,
		}
		a, err := h.Check(signed, pub(hotKey("miner")), bound)
		if err != nil {
			t.Fatalf("%s: %v\nof %+v", body, err, e.tokens)
		}
		if int(a.Receipt.Completion) != len(e.tokens) || a.Receipt.Prompt != 3 {
			t.Errorf("%d and %d tokens are signed for", a.Receipt.Prompt, a.Receipt.Completion)
		}
	}
	for range 100 {
		choices := 1 + draw.IntN(3)
		e.tokens = nil
		for range draw.IntN(12) {
			e.tokens = append(e.tokens, engine.Token{Bytes: []byte(one(1 + draw.IntN(3))), Choice: draw.IntN(choices + 1)})
		}
		for i := range choices {
			end := &engine.End{Finish: engine.FinishStop, Stopped: one(draw.IntN(2))}
			for range draw.IntN(3) {
				end.Calls = append(end.Calls, wireopenai.ToolCall{ID: one(2), Type: "function", Function: wireopenai.FunctionCall{Name: one(2), Arguments: one(4)}})
			}
			e.tokens = append(e.tokens, engine.Token{Choice: i, End: end})
		}
		check("/v1/chat/completions", fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":"Say."}],"n":%d,"logprobs":%t,"stream":true}`, choices, draw.IntN(2) == 0))
	}
	for range 30 {
		e.tokens = nil
		for range draw.IntN(12) {
			e.tokens = append(e.tokens, engine.Token{Bytes: []byte(one(2))})
		}
		check("/v1/completions", `{"model":"m","prompt":"Say.","stream":true}`)
	}
	e.tokens = nil
	check("/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"Say."}],"stream":true}`)
}

// A stream that broke off is no answer.
func TestAStreamThatBreaksOffIsNotSigned(t *testing.T) {
	hub := signingFor(t, &parrot{tokens: euro().tokens, fail: errors.New("out of paper")})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://miner/v1/chat/completions",
		strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"Hello."}],"stream":true}`))
	r.Header.Set(receipt.NonceHeader, hex.EncodeToString(make([]byte, 16)))
	resp, err := hub.RoundTripper(3, pub(hotKey("miner"))).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(all), "broke off") || resp.Trailer.Get(receipt.Header) != "" {
		t.Errorf("%s, %v, %v", all, resp.Trailer, err)
	}
}

func TestWhoAsksWithoutANonceGetsNoReceipt(t *testing.T) {
	hub, _ := signingMiner(t)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://miner/v1/chat/completions",
		strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"Hello."}],"max_tokens":2,"stream":true}`))
	resp, err := hub.RoundTripper(3, pub(hotKey("miner"))).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil || strings.Contains(string(all), receipt.TokensComment) || len(resp.Trailer) > 0 {
		t.Errorf("%s, %v, %v", all, resp.Trailer, err)
	}
}
