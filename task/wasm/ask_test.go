package wasm

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

// oracle is a judge model that likes one answer.
type oracle struct{ err error }

func (o oracle) Ask(_ context.Context, model [32]byte, request []byte) ([]byte, error) {
	if model[0] != 7 || model[31] != 7 {
		return nil, errors.New("another model")
	}
	if strings.Contains(string(request), "kind") {
		return []byte("yes"), o.err
	}
	return []byte("no"), o.err
}

func judged(t *testing.T, o Asker) (*Module, error) {
	t.Helper()
	code, err := os.ReadFile("testdata/judge.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return newHost(t, Config{Ask: o}).Load(t.Context(), code)
}

// A score that a model gives keeps what was asked and answered, so that anybody can compute it again.
func TestAJudgeModelsWordsAreKept(t *testing.T) {
	m, err := judged(t, oracle{})
	if err != nil {
		t.Fatal(err)
	}
	for answer, want := range map[string]float64{"a kind word": 1, "nothing": 0} {
		v, err := m.Score(t.Context(), nil, []byte(answer))
		if err != nil || v.Score != want || len(v.Transcript) != 1 || string(v.Transcript[0].Request) != answer {
			t.Errorf("%q: %+v, %v", answer, v, err)
		}
	}
	a, b := Exchange{Request: []byte("ab"), Answer: []byte("c")}, Exchange{Request: []byte("a"), Answer: []byte("bc")}
	if a.Hash() == b.Hash() {
		t.Error("two transcripts have one hash")
	}
	if _, err := m.Score(t.Context(), nil, []byte("!!!!!!!!!!!!")); !errors.Is(err, ErrModule) {
		t.Errorf("asking without end: %v", err)
	}
}

// That the model cannot be asked here is no fault of the answer.
func TestAMissingJudgeIsTheMachinesLack(t *testing.T) {
	m, err := judged(t, oracle{errors.New("the model is not here")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Score(t.Context(), nil, []byte("kind")); !errors.Is(err, ErrHost) || errors.Is(err, ErrModule) {
		t.Error(err)
	}
	if _, err := judged(t, nil); !errors.Is(err, ErrHost) {
		t.Errorf("without anybody to ask: %v", err)
	}
}
