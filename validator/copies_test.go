package validator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/engine/native/ngram"
	"agora/mechanism/score"
	"agora/miner"
	"agora/task"
	"agora/task/continuation"
	"agora/task/exact"
)

// asking returns the answer of a miner's server to a request.
func asking(t *testing.T, h http.Handler, item task.Item) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, item.Path, bytes.NewReader(item.Body)))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", w.Code, body, err)
	}
	return body
}

// shifted adds a little to every declared logarithm, differently for every answer.
func shifted(t *testing.T, body []byte, by float64) []byte {
	t.Helper()
	var a map[string]any
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatal(err)
	}
	logprobs := a["choices"].([]any)[0].(map[string]any)["logprobs"].(map[string]any)
	for _, name := range []string{"top_logprobs", "top_bytes"} {
		list, ok := logprobs[name].([]any)
		if !ok || len(list) == 0 {
			continue
		}
		switch first := list[0].(type) {
		case map[string]any:
			for k, v := range first {
				first[k] = v.(float64) - by
			}
		case []any:
			for _, e := range first {
				e.(map[string]any)["logprob"] = e.(map[string]any)["logprob"].(float64) - by
			}
		}
	}
	out, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Models of one family, trained on one text, are no copies of each other; one that passes on another's answers a little changed is.
func TestOnlyTheRelayOfDeclaredProbabilitiesIsACopy(t *testing.T) {
	board, err := score.NewBoard(score.DefaultParams())
	if err != nil {
		t.Fatal(err)
	}
	orders := []int{3, 4, 5, 6, 7, 8}
	servers := make([]http.Handler, len(orders))
	for i, n := range orders {
		e, err := ngram.Open(fmt.Sprintf("ngram-%d", n))
		if err != nil {
			t.Fatal(err)
		}
		servers[i] = miner.NewServer(e, miner.Options{})
	}
	for index := range uint64(400) {
		item := continuation.New().Item(task.Seed{7}, index)
		var results []score.Result
		for i, h := range servers {
			body := asking(t, h, item)
			s, err := item.Score(body)
			if err != nil {
				t.Fatal(err)
			}
			results = append(results, score.Result{UID: uint16(i), Registered: 1, Score: s, Said: saidIn(body)})
			if i == len(servers)-1 {
				relayed := shifted(t, body, 0.001*float64(index%10))
				s, _ := item.Score(relayed)
				results = append(results, score.Result{UID: 9, Registered: 2, Score: s, Said: saidIn(relayed)})
			}
		}
		board.Add(item.ID, results)
	}
	for _, s := range board.Standings() {
		if want := map[bool]int{true: 5, false: -1}[s.UID == 9]; s.CopyOf != want {
			t.Errorf("uid %d is held for a copy of %d, want %d", s.UID, s.CopyOf, want)
		}
	}
}

// The chat models that ship are trained on the same questions; a relay of the best one that adds a stop to its answers is found.
func TestOnlyTheRelayOfShortAnswersIsACopy(t *testing.T) {
	board, err := score.NewBoard(score.DefaultParams())
	if err != nil {
		t.Fatal(err)
	}
	names := ladder.Names()[len(ladder.Names())-3:]
	servers := make([]http.Handler, len(names))
	for i, n := range names {
		e, err := ladder.Open(n, llm.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() }) // it was read only
		servers[i] = miner.NewServer(e, miner.Options{})
	}
	found := 0
	for index := range uint64(300) {
		item := exact.Family{}.Item(task.Seed{8}, index)
		var results []score.Result
		for i, h := range servers {
			body := asking(t, h, item)
			s, err := item.Score(body)
			if err != nil {
				t.Fatal(err)
			}
			results = append(results, score.Result{UID: uint16(i), Registered: 1, Score: s, Said: saidIn(body)})
			if i == len(servers)-1 {
				relayed := bytes.Replace(body, []byte(`"content":"`), []byte(`"content":" `), 1)
				results = append(results, score.Result{UID: 9, Registered: 2, Score: s, Said: saidIn(relayed)})
			}
		}
		board.Add(item.ID, results)
		for _, s := range board.Standings() {
			if s.CopyOf >= 0 && found == 0 {
				found = int(index) + 1
			}
			if s.CopyOf >= 0 && s.UID != 9 {
				t.Fatalf("after %d items %s is held for a copy of %d", index+1, names[s.UID], s.CopyOf)
			}
		}
	}
	t.Logf("the relay was found after %d items", found)
	if found == 0 {
		t.Error("the relay was not found in 300 items")
	}
}

func TestWhatOnlyDressesAnAnswerMakesNoOther(t *testing.T) {
	said := func(text string) score.Said {
		body, err := json.Marshal(map[string]any{"choices": []any{map[string]any{"message": map[string]any{"content": text}}}})
		if err != nil {
			t.Fatal(err)
		}
		return saidIn(body)
	}
	const plain = "The old tower stood by the river for many quiet years."
	for _, dress := range []string{
		"%s", "**%s**", " %s\n", "<think>7193</think>%s", "[THINK]7193[/THINK] %s", "%s ✅", "<p>%s</p>", "$\\text{%s}$", "\u200b%s", "%s<|im_end|>",
	} {
		if got := said(fmt.Sprintf(dress, plain)); got.Text != said(plain).Text || !got.Telling {
			t.Errorf("%q counts as another answer", dress)
		}
	}
	if said("<think>" + strings.Repeat("so ", 40) + "</think>42").Telling {
		t.Error("thoughts make a short answer a long one")
	}
}
