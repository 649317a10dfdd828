package oracle

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"agora/engine"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/task/kit/guest"
	"agora/task/wasm"
	"agora/wire/openai"
)

// shipped opens the models that ship, by their digests.
func shipped(digest string) (engine.Engine, error) {
	return ladder.Open(digest, llm.Options{})
}

// A model that ships answers, whatever the task asks of chance, and more models than are kept come and go.
func TestAModelOfThisMachineAnswers(t *testing.T) {
	o := New(Config{Open: shipped})
	defer o.Close()
	cards := ladder.Cards()
	for range 2 {
		for _, card := range cards[len(cards)-3:] {
			request := []byte(`{"model":"task","messages":[{"role":"user","content":"What is the capital of France?"}],"temperature":1.5,"n":1,"max_tokens":100000}`)
			text, err := o.Ask(t.Context(), guest.Weights(card.Digest), request)
			if err != nil || strings.TrimSpace(string(text)) != "Paris" {
				t.Errorf("%s says %q, %v", card.Name, text, err)
			}
		}
	}
	if len(o.open) != maxOpen {
		t.Errorf("%d models are kept", len(o.open))
	}
	if _, err := o.Ask(t.Context(), [32]byte{1}, []byte(`{"model":"task","messages":[{"role":"user","content":"x"}]}`)); err == nil {
		t.Error("a model that is not here answers")
	}
	if text, err := o.Ask(t.Context(), guest.Weights(cards[0].Digest), []byte("{")); err != nil || len(text) > 0 {
		t.Errorf("no question is answered %q, %v", text, err)
	}
}

func TestASubnetIsAsked(t *testing.T) {
	o := New(Config{Subnet: func(_ context.Context, netuid uint32, request []byte) ([]byte, error) {
		if netuid != 7 {
			return nil, errors.New("nobody is there")
		}
		return guest.Answer("heard " + string(request)), nil
	}})
	if text, err := o.Ask(t.Context(), guest.Subnet(7), []byte("you")); err != nil || string(text) != "heard you" {
		t.Errorf("%q, %v", text, err)
	}
	for _, m := range []guest.Model{guest.Subnet(8), {1}} {
		if text, err := o.Ask(t.Context(), m, []byte(`{"model":"task","messages":[{"role":"user","content":"x"}]}`)); err == nil {
			t.Errorf("%x: %q", m, text)
		}
	}
}

func TestAProgramIsAsked(t *testing.T) {
	o := New(Config{Program: func(_ context.Context, name string, request []byte) (string, error) {
		if name == "refuses" {
			return "", openai.Invalid("file", "no sound")
		}
		return name + " heard " + string(request), nil
	}})
	for name, want := range map[string]string{"pocketsphinx": "pocketsphinx heard you", "refuses": ""} {
		if text, err := o.Ask(t.Context(), guest.Program(name), []byte("you")); err != nil || string(text) != want {
			t.Errorf("%q, %v", text, err)
		}
	}
	for _, m := range []guest.Model{guest.Program(""), guest.Program("a\x01b")} {
		if text, err := o.Ask(t.Context(), m, []byte(`{"model":"task","messages":[{"role":"user","content":"x"}]}`)); err == nil {
			t.Errorf("%x: %q", m, text)
		}
	}
	if _, err := New(Config{}).Ask(t.Context(), guest.Program("pocketsphinx"), []byte("you")); err == nil {
		t.Error("a program that is not run answers")
	}
}

// A task's score is what a real model says; kept questions and answers give it again without the model.
func TestAScoreIsComputedAgainFromItsEvidence(t *testing.T) {
	code, err := os.ReadFile("../../task/wasm/testdata/judge.wasm")
	if err != nil {
		t.Fatal(err)
	}
	host, err := wasm.NewHost(t.Context(), wasm.Config{Ask: fixed{New(Config{Open: shipped})}})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close(context.Background())
	m, err := host.Load(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	answer := []byte(`{"model":"task","messages":[{"role":"user","content":"Is there an a in banana?"}]}`)
	v, err := m.Score(t.Context(), nil, answer)
	if err != nil || len(v.Transcript) != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	again, err := m.Score(wasm.WithAsker(t.Context(), &wasm.Evidence{Transcript: v.Transcript}), nil, answer)
	if err != nil || again.Score != v.Score {
		t.Errorf("%v and %v, %v", v.Score, again.Score, err)
	}
	forged := append([]wasm.Exchange(nil), v.Transcript...)
	forged[0].Request = []byte("something else")
	if _, err := m.Score(wasm.WithAsker(t.Context(), &wasm.Evidence{Transcript: forged}), nil, answer); !errors.Is(err, wasm.ErrHost) {
		t.Errorf("forged evidence: %v", err)
	}
}

// fixed asks the best model that ships, whatever digest is named.
type fixed struct{ *Oracle }

func (f fixed) Ask(ctx context.Context, _ [32]byte, request []byte) ([]byte, error) {
	cards := ladder.Cards()
	return f.Oracle.Ask(ctx, guest.Weights(cards[len(cards)-1].Digest), request)
}

// Speech in a question becomes the form that servers of transcriptions take.
func TestSpeechBecomesAForm(t *testing.T) {
	body, kind, is := Form([]byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"one two"},{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}}]}]}`))
	if !is {
		t.Fatal("no form")
	}
	r := httptest.NewRequest(http.MethodPost, "/v1/audio/transcriptions", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", kind)
	file, _, err := r.FormFile("file")
	if err != nil || r.FormValue("prompt") != "one two" || r.FormValue("temperature") != "0" {
		t.Fatalf("%v, %v", err, r.Form)
	}
	var sound [8]byte
	if n, _ := file.Read(sound[:]); string(sound[:n]) != "RIFF" {
		t.Errorf("sound is %q", sound[:n])
	}
	for _, plain := range []string{"", "{}", `{"messages":[{"role":"user","content":"x"}]}`} {
		if _, _, is := Form([]byte(plain)); is {
			t.Errorf("%s has speech", plain)
		}
	}
}

func FuzzForm(f *testing.F) {
	f.Add([]byte(`{"messages":[{"content":[{"input_audio":{"data":"UklGRg=="}}]}]}`))
	f.Fuzz(func(t *testing.T, request []byte) {
		if body, kind, is := Form(request); is != (body != nil) || is != (kind != "") {
			t.Errorf("%q: %v, %q, %q", request, is, kind, body)
		}
		_, _ = textOf(request) // must not panic
	})
}
