package openai

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// llama answers as llama.cpp's server does, for a model whose file lies at path; says is what every chat answer holds.
func llama(path, template, says string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"object":"list","data":[{"id":%q,"object":"model","created":1,"owned_by":"llamacpp",`+
			`"meta":{"vocab_type":2,"n_vocab":49152,"n_ctx":8192,"n_ctx_train":8192,"n_embd":576,"n_params":134515008,"size":98362432,"ftype":"Q4_1"}}]}`, path)
	})
	mux.HandleFunc("GET /props", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"chat_template":%q}`, template) })
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Stream bool }
		if json.NewDecoder(r.Body).Decode(&asked) == nil && asked.Stream {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":null}]}\n\n"+
				"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n", says)
			return
		}
		fmt.Fprintf(w, `{"id":"x","object":"chat.completion","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":%q}}]}`, says)
	})
	return mux
}

func TestTheCardSaysWhatTheServerTells(t *testing.T) {
	web := httptest.NewServer(llama("/home/somebody/models/SmolLM2-135M-Instruct.Q4_1.gguf", "{{ messages }}", "three random words"))
	t.Cleanup(web.Close)
	b, err := New(web.URL, Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	info, can, err := b.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Model != "SmolLM2-135M-Instruct.Q4_1" || info.Context != 8192 || info.Precision != "Q4_1" || info.Version != "llamacpp" {
		t.Errorf("%+v", info)
	}
	var told map[string]any
	if err := json.Unmarshal([]byte(info.CardMetadata()), &told); err != nil || told["parameters"] != 134515008. {
		t.Errorf("metadata %q: %v", info.CardMetadata(), err)
	}
	if can.Untemplated != "" {
		t.Errorf("a chat model is called a base model: %s", can.Untemplated)
	}
	if err := b.Alive(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestABaseModelIsNamed(t *testing.T) {
	for _, c := range []struct{ template, says, want string }{
		{"", "three random words", "no chat template"},
		{"chatml", "What is 12 + 30?\n<|im_end|>\n<|im_start|>", "<|im_end|>"},
		{"chatml", "three random words", ""},
	} {
		web := httptest.NewServer(llama("base", c.template, c.says))
		b, err := New(web.URL, Options{Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		_, can, err := b.Probe(t.Context())
		if err != nil || (can.Untemplated == "") != (c.want == "") {
			t.Errorf("template %q, answer %q: %q, %v", c.template, c.says, can.Untemplated, err)
		}
		b.Close()
		web.Close()
	}
}

func TestABackendWithAnotherModelIsAway(t *testing.T) {
	name := "first"
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { llama(name, "t", "x").ServeHTTP(w, r) }))
	t.Cleanup(web.Close)
	b, err := New(web.URL, Options{Log: quiet(), Model: "first"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.Alive(t.Context()); err != nil {
		t.Fatal(err)
	}
	name = "second"
	if err := b.Alive(t.Context()); err == nil || !strings.Contains(err.Error(), `no longer lists the model "first"`) {
		t.Errorf("%v", err)
	}
}

func TestQuantisationIsReadFromAName(t *testing.T) {
	for name, want := range map[string]string{
		"gemma-3-270m-q4_k_m": "q4_k_m", "SmolLM2.Q8_0": "Q8_0", "model-IQ2_XS": "IQ2_XS", "llama-bf16": "bf16", "Qwen3-8B-AWQ": "AWQ",
		"llama3.2": "", "q": "", "mf16x": "",
	} {
		if got := quantisation.FindString(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// What a server says of its models is its own affair: the miner needs their names.
func TestModelsAreFoundWhateverIsToldOfThem(t *testing.T) {
	for _, told := range []string{
		`"created":1764553205.25`, `"created":"2026-12-01"`, `"created":null`, `"owned_by":null`, `"owned_by":{}`, `"meta":null`, `"meta":[]`, `"meta":{"n_ctx":"x","n_params":-1,"size":1e300,"ftype":7}`,
		`"max_model_len":4096.0`, `"max_model_len":"4096"`, `"max_model_len":-1`, `"max_model_len":null`, `"pricing":[]`, `"architecture":"x"`, `"context_length":1e9`,
	} {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"data":[null,{"id":7},{"id":"m",%s}]}`, told)
		})
		mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"created":1.5,"usage":{"prompt_tokens":5.0},"choices":[{"message":{"content":[{"type":"text","text":"hello"}]}}]}`)
		})
		web := httptest.NewServer(mux)
		b, err := New(web.URL, Options{Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		info, can, err := b.Probe(t.Context())
		if err != nil || info.Model != "m" || !can.Chat {
			t.Errorf("%s: %+v %+v %v", told, info, can, err)
		}
		if strings.Contains(told, `4096`) && info.Context != 4096 {
			t.Errorf("%s: context %d", told, info.Context)
		}
		if err := b.Alive(t.Context()); err != nil {
			t.Errorf("%s: %v", told, err)
		}
		b.Close()
		web.Close()
	}
}

// A server that does one thing after the other lists no model while it answers: it is busy, not away.
func TestABackendThatIsBusyWithAnAnswerIsThere(t *testing.T) {
	var one sync.Mutex
	begun, end := make(chan struct{}), make(chan struct{})
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one.Lock()
		defer one.Unlock()
		if r.Method == http.MethodGet {
			return
		}
		io.WriteString(w, ": begun\n\n")
		w.(http.Flusher).Flush()
		close(begun)
		<-end
	}))
	t.Cleanup(backend.Close)
	b, err := New(backend.URL, Options{Model: "m", Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	web := httptest.NewServer(b)
	t.Cleanup(web.Close)
	alive := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		return b.Alive(ctx)
	}
	var answered sync.WaitGroup
	answered.Go(func() { post(t, web, strings.Replace(question, `"x":1e3`, `"stream":true`, 1)) })
	<-begun
	for b.heard.Load() == 0 {
		runtime.Gosched()
	}
	if err := alive(); err != nil {
		t.Errorf("while it answers: %v", err)
	}
	b.heard.Store(time.Now().Add(-maxListing).UnixNano())
	if alive() == nil {
		t.Error("one that gave nothing for long is there")
	}
	close(end)
	answered.Wait()
}
