package main

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"agora/task/kit/guest"
)

// embedder is a bag of words, hashed; words that it knows to mean the same have one place.
func embedder(same map[string]string) guest.Engine {
	return func(_ string, request []byte) []byte {
		var r struct{ Input []string }
		if json.Unmarshal(request, &r) != nil {
			return nil
		}
		var data []any
		for i, text := range r.Input {
			v := make([]float64, 256)
			for _, w := range strings.Fields(text) {
				if strings.Contains(" a an the in at on to ", " "+w+" ") {
					continue
				}
				if as, ok := same[w]; ok {
					w = as
				}
				h := fnv.New32a()
				h.Write([]byte(w))
				v[h.Sum32()%256]++
			}
			data = append(data, map[string]any{"index": i, "embedding": v})
		}
		out, _ := json.Marshal(map[string]any{"data": data}) // numbers marshal
		return out
	}
}

// thesaurus knows the words of these slots, the first so many of each.
func thesaurus(known int) map[string]string {
	same := map[string]string{}
	for _, slot := range [][][]string{who, did, what, where} {
		for _, line := range slot[:known] {
			for _, w := range strings.Fields(line[1]) {
				same[w] = strings.Fields(line[0])[len(strings.Fields(line[0]))-1]
			}
		}
	}
	return same
}

func TestTheBetterVectorsWin(t *testing.T) {
	good, poor, blind := embedder(thesaurus(6)), embedder(thesaurus(4)), embedder(nil)
	guest.Ordered(t, guest.Seeds(), 12, good, poor)
	task, seed := guest.Served(), [32]byte{}
	a, b, c := guest.Mean(task, seed, 20, good), guest.Mean(task, seed, 20, poor), guest.Mean(task, seed, 20, blind)
	if !(a > b && b > c) || a < 0.9 {
		t.Errorf("who knows all words scores %.2f, some %.2f, none %.2f", a, b, c)
	}
}

// server asks an OpenAI-compatible server of this machine for the vectors, given its base URL without /v1.
func server(t *testing.T, base string) guest.Engine {
	return func(path string, request []byte) []byte {
		resp, err := http.Post(base+path, "application/json", bytes.NewReader(request))
		if err != nil {
			t.Error(err)
			return nil
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %.200s %v", base, resp.Status, answer, err)
		}
		return answer
	}
}

// RETRIEVAL_SERVERS names two servers of embeddings, the better model's first: http://127.0.0.1:8001,http://127.0.0.1:8002
func TestRealModelsAreToldApart(t *testing.T) {
	better, worse, ok := strings.Cut(os.Getenv("RETRIEVAL_SERVERS"), ",")
	if !ok {
		t.Skip("RETRIEVAL_SERVERS names none")
	}
	good, poor, words := server(t, better), server(t, worse), embedder(nil)
	task, seed := guest.Served(), [32]byte{9}
	t.Logf("%s scores %.2f, %s %.2f, words alone %.2f", better, guest.Mean(task, seed, 12, good), worse, guest.Mean(task, seed, 12, poor), guest.Mean(task, seed, 12, words))
	guest.Ordered(t, guest.Seeds(), 3, good, poor) // 24 triplets: 24 sentences through the model for each item
}
