package ladder

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"agora/engine"
	"agora/engine/native/batch"
	"agora/engine/native/gguf"
	"agora/engine/native/llm"
	"agora/engine/native/model"
	"agora/engine/native/sample"
	"agora/task"
	"agora/task/exact"
	"agora/wire/openai"
)

func open(t testing.TB, name string) *llm.Engine {
	t.Helper()
	e, err := Open(name, llm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() }) // it was read only
	return e
}

// ask puts a conversation, user first, and returns the answer's text and the ids of its tokens.
func ask(t testing.TB, e *llm.Engine, temperature float64, turns ...string) (text string, ids []int32) {
	t.Helper()
	_, _, err := e.Chat(context.Background(), request(temperature, turns...), func(tok engine.Token) error {
		text += string(tok.Bytes)
		if tok.End != nil {
			ids = tok.End.IDs
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text, ids
}

func request(temperature float64, turns ...string) *openai.ChatRequest {
	most, seed := 64, int64(7)
	r := &openai.ChatRequest{MaxTokens: &most, Temperature: &temperature, Seed: &seed}
	for i, turn := range turns {
		r.Messages = append(r.Messages, openai.Message{Role: [2]string{"user", "assistant"}[i%2], Content: openai.Content(turn)})
	}
	return r
}

func TestCardsSayWhatTheFilesAre(t *testing.T) {
	for _, c := range Cards() {
		e := open(t, c.Name)
		file, err := c.File()
		if err != nil {
			t.Fatal(err)
		}
		info := e.Info()
		if info.Digest != c.Digest || info.Licence != c.Licence || info.Model != c.Name || info.Context != c.Context || len(file) != c.Bytes || e.Parameters() != int64(c.Parameters) {
			t.Errorf("%s: card %+v, engine %+v", c.Name, c, info)
		}
		if byDigest := open(t, c.Digest); byDigest.Info().Model != c.Name {
			t.Errorf("%s is %s by its digest", c.Name, byDigest.Info().Model)
		}
	}
	if _, err := Open("chat-none", llm.Options{}); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), Names()[0]) {
		t.Error(err)
	}
}

func TestTheFilesTakeFourMegabytesTogether(t *testing.T) {
	entries, err := files.ReadDir("models")
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if len(entries) != len(Cards())+1 || total > 4_000_000 {
		t.Errorf("%d files of models and cards have %d bytes together", len(entries), total)
	}
}

func TestEverySizeIsWorthItsParameters(t *testing.T) {
	for i, c := range Cards() {
		if c.Questions < 2000 || len(c.Families) != len(exact.Names()) {
			t.Errorf("%s was asked %d questions of %d kinds", c.Name, c.Questions, len(c.Families))
		}
		if c.Unknown < 0.95 {
			t.Errorf("%s owns that it does not know %.1f %% of what it does not know", c.Name, 100*c.Unknown)
		}
		if i == 0 {
			continue
		}
		if last := Cards()[i-1]; 10*c.Parameters < 42*last.Parameters || c.Accuracy < last.Accuracy+0.08 {
			t.Errorf("%s: %d parameters and %.3f right after %d and %.3f", c.Name, c.Parameters, c.Accuracy, last.Parameters, last.Accuracy)
		}
	}
}

func TestThePageOfModelsShowsTheCards(t *testing.T) {
	page, err := os.ReadFile("../../../docs/models.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range Cards() {
		figures := fmt.Sprintf("| %.2f MB | %.1f %% | %.1f %% |", float64(c.Bytes)/1e6, 100*c.Accuracy, 100*c.Unknown)
		if !slices.ContainsFunc(strings.Split(string(page), "\n"), func(row string) bool {
			return strings.HasPrefix(row, "| "+c.Name+" |") && strings.Contains(row, figures)
		}) {
			t.Errorf("no row has %s and %s", c.Name, figures)
		}
	}
}

// The best is asked as people ask, over several turns.
func TestTheBestConverses(t *testing.T) {
	e := open(t, Names()[len(Names())-1])
	for _, c := range []struct {
		turns []string
		want  string
	}{
		{[]string{"What is 12 + 30?"}, "42"},
		{[]string{"What is 12 + 30?", "42", "Say that again."}, "42"},
		{[]string{"What is the capital of France?", "Paris", "what is 12 plus 30"}, "42"},
		{[]string{"What is 12 + 30?", "42", "Add 5 to that.", "47", "Reverse the word 'house'."}, "esuoh"},
		{[]string{"How do I bake bread?", "I do not know.", "What is the capital of France?"}, "Paris"},
		{[]string{"Who painted the ceiling of that chapel?"}, "I do not know."},
	} {
		if got, _ := ask(t, e, 0, c.turns...); got != c.want {
			t.Errorf("%q: %q, want %q", c.turns, got, c.want)
		}
	}
}

// What a model wrote at any temperature is found again by one pass, and another token is noticed.
func TestAnswersCanBeReplayed(t *testing.T) {
	for _, name := range Names() {
		e := open(t, name)
		r := request(1.2, "Write a sentence with the word 'garden' that has exactly 6 words.")
		_, ids := ask(t, e, 1.2, string(r.Messages[0].Content))
		seed := sample.SeedOf(0, *r.Seed)
		v, err := e.Replay(context.Background(), r, ids, seed)
		if err != nil || !v.Right() {
			t.Fatalf("%s: %+v, %v", name, v, err)
		}
		ids[len(ids)/2]++
		if v, err := e.Replay(context.Background(), r, ids, seed); err != nil || v.Differs != len(ids)/2 {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

// The same bits everywhere: ids and log-probabilities of warm answers to fresh questions.
func TestAnswersHaveTheSameBits(t *testing.T) {
	for _, name := range Names() {
		if got := bitsOf(t, open(t, name)); got != golden[name] {
			t.Errorf("%q: %q,", name, got)
		}
	}
}

func bitsOf(t *testing.T, e *llm.Engine) string {
	t.Helper()
	h := sha256.New()
	for i := range uint64(12) {
		r := request(0.8, exact.At(task.Seed{9}, i).Text)
		r.Logprobs = true
		_, _, err := e.Chat(context.Background(), r, func(tok engine.Token) error {
			h.Write(tok.Bytes)
			h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(tok.Logprob)))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:16])
}

var golden = map[string]string{
	"chat-pico":  "bbbf19b9cacb88466759d1a09d27392b",
	"chat-nano":  "fe757f620b07ad92c577b1fe1a86f434",
	"chat-micro": "2d72adbcfb9d077582473728f3de3094",
	"chat-large": "9708c20910f7a20fe8e61b4f2e1dc63a",
	"chat-small": "1d9846769eb9449d97d3860add7f377d",
}

// BenchmarkAnswers asks fresh questions one after the other; tokens are those of questions and answers.
func BenchmarkAnswers(b *testing.B) {
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			e, tokens, i := open(b, name), 0, uint64(0)
			for ; b.Loop(); i++ {
				used, _, err := e.Chat(context.Background(), request(0, exact.At(task.Seed{9}, i).Text), func(engine.Token) error { return nil })
				if err != nil {
					b.Fatal(err)
				}
				tokens += used.TotalTokens
			}
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}

// likeliest writes the likeliest token, for as long as it is let.
type likeliest struct{}

func (likeliest) Choose(_ int, logits []float32) (int32, bool) {
	return int32(slices.Index(logits, slices.Max(logits))), false
}

// BenchmarkDecode writes texts of 200 tokens through the batcher, one after the other and eight together.
func BenchmarkDecode(b *testing.B) {
	for _, c := range Cards() {
		file, err := c.File()
		if err != nil {
			b.Fatal(err)
		}
		f, err := gguf.Parse(file)
		if err != nil {
			b.Fatal(err)
		}
		m, err := model.FromGGUF(f)
		if err != nil {
			b.Fatal(err)
		}
		for _, together := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/%d", c.Name, together), func(b *testing.B) {
				batcher := batch.New(m, batch.Options{Slots: together})
				defer batcher.Close()
				for b.Loop() {
					jobs := make([]*batch.Job, together)
					for i := range jobs {
						if jobs[i], err = batcher.Start([]int32{int32(3 + i)}, 200, likeliest{}); err != nil {
							b.Fatal(err)
						}
					}
					for _, j := range jobs {
						<-j.Done()
					}
				}
				b.ReportMetric(float64(b.N*together*200)/b.Elapsed().Seconds(), "tok/s")
			})
		}
	}
}

// BenchmarkOpen loads the largest.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		e, err := Open(Names()[len(Names())-1], llm.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
