// Package trial tries a task out before money depends on it: real answers, their scores and reasons, and what a cheap program that
// knows no answer would get.
package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"agora/task"
	"agora/task/wasm"
)

// Report is what a trial found.
type Report struct {
	Task      wasm.Description `json:"task"`
	Digest    string           `json:"digest"`
	Items     []Line           `json:"items"`
	Mean      float64          `json:"mean"`
	Histogram [10]int          `json:"histogram"` // scores in tenths; 1 is in the last
	DrawMS    float64          `json:"draw_ms"`   // mean of an item after the first, on this machine
	ScoreMS   float64          `json:"score_ms"`
	AnswerMS  float64          `json:"answer_ms"`
	Fuel      uint64           `json:"fuel"` // instructions of the dearest call; the same on every machine
	Memory    int              `json:"memory_bytes"`
	Cheap     []Cheap          `json:"cheap"`
	Warnings  []string         `json:"warnings"`
}

// Line is one item with its answer.
type Line struct {
	Request json.RawMessage `json:"request"`
	Answer  string          `json:"answer"`
	Score   float64         `json:"score"`
	Reason  string          `json:"reason"`
}

// Cheap is a program without a model and its mean score.
type Cheap struct {
	Name string  `json:"name"`
	Mean float64 `json:"mean"`
}

// Answerer asks a model: a request's path and body, the body of the answer.
type Answerer func(ctx context.Context, path string, body []byte) ([]byte, error)

// suspicious is the mean score from which on a cheap program earns too well.
const suspicious = 0.2

// Run draws n ≥ 2 items from this seed and has them answered.
func Run(ctx context.Context, m *wasm.Module, n int, seed task.Seed, ask Answerer) (*Report, error) {
	r := &Report{Task: m.Description(), Digest: "sha256:" + m.Digest().String(), Memory: m.Memory()}
	var items []wasm.Item
	var drawing, scoring, answering time.Duration
	for i := range n {
		began := time.Now()
		item, err := m.Item(ctx, seed, uint64(i))
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		if i > 0 {
			drawing += time.Since(began)
		}
		began = time.Now()
		answer, err := ask(ctx, item.Path, item.Body)
		if err != nil {
			return nil, fmt.Errorf("item %d: the model: %w", i, err)
		}
		answering += time.Since(began)
		began = time.Now()
		v, err := m.Score(ctx, item.Key, answer)
		if err != nil {
			return nil, fmt.Errorf("item %d: score: %w", i, err)
		}
		scoring += time.Since(began)
		items = append(items, item)
		r.add(item, answer, v)
	}
	r.Mean /= float64(n)
	ms := func(d time.Duration, n int) float64 { return d.Seconds() * 1000 / float64(n) }
	r.DrawMS, r.ScoreMS, r.AnswerMS = ms(drawing, n-1), ms(scoring, n), ms(answering, n)
	r.Cheap = cheap(ctx, m, items)
	r.warn(items)
	return r, nil
}

func (r *Report) add(item wasm.Item, answer []byte, v wasm.Verdict) {
	r.Items = append(r.Items, Line{item.Body, TextOf(answer), v.Score, v.Reason})
	r.Histogram[min(9, int(10*v.Score))]++
	r.Mean += v.Score
	r.Fuel = max(r.Fuel, item.Fuel, v.Fuel)
}

// warn says what would make a bad market of the task.
func (r *Report) warn(items []wasm.Item) {
	for _, c := range r.Cheap {
		if c.Mean >= suspicious {
			r.Warnings = append(r.Warnings, fmt.Sprintf("a program without a model earns: %s scores %.2f on average", c.Name, c.Mean))
		}
	}
	seen := map[string]int{}
	for _, i := range items {
		seen[string(i.Body)]++
	}
	if again := len(items) - len(seen); again*10 > len(items) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("items repeat: %d of %d were asked before; a validator asks none twice, and pays nobody for less than some hundred answers, which can be kept in a list besides", again, len(items)))
	}
	differ := slices.ContainsFunc(r.Items, func(l Line) bool { return l.Score != r.Items[0].Score })
	if !differ {
		r.Warnings = append(r.Warnings, fmt.Sprintf("scores never differ: every answer scores %.2f, which ranks nobody; try a weaker and a stronger model", r.Items[0].Score))
	}
	if limit := uint64(wasm.CallFuel / 4); r.Fuel > limit {
		r.Warnings = append(r.Warnings, fmt.Sprintf("a call took %d instructions, of %d that it may take", r.Fuel, wasm.CallFuel))
	}
}

// constants are answers of programs that know nothing.
var constants = []string{"", "0", "1", "yes", "no", "true", "A", "{}", "[]", "I do not know.", "The answer is 42."}

// cheap scores what programs of some lines would answer: a constant, the question itself, its first or last word or number.
func cheap(ctx context.Context, m *wasm.Module, items []wasm.Item) []Cheap {
	var list []Cheap
	try := func(name string, answer func(question string) string) {
		c := Cheap{Name: name}
		for _, i := range items {
			v, err := m.Score(ctx, i.Key, completion(answer(lastQuestion(i.Body))))
			if err == nil {
				c.Mean += v.Score / float64(len(items))
			}
		}
		list = append(list, c)
	}
	for _, text := range constants {
		try(fmt.Sprintf("always %q", text), func(string) string { return text })
	}
	try("the question itself", func(q string) string { return q })
	try("the question's last word", func(q string) string { return word(q, -1) })
	try("the question's first word", func(q string) string { return word(q, 0) })
	try("the question's longest word", longest)
	return list
}

func word(q string, at int) string {
	words := strings.Fields(strings.TrimRight(q, "?.! "))
	if len(words) == 0 {
		return ""
	}
	return words[(at+len(words))%len(words)]
}

func longest(q string) string {
	best := ""
	for _, w := range strings.Fields(q) {
		if len(w) > len(best) {
			best = w
		}
	}
	return strings.Trim(best, "?.!,\"'")
}

// completion is an answer of this text, for chat and for completions.
func completion(text string) []byte {
	body, err := json.Marshal(map[string]any{"object": "chat.completion", "choices": []any{map[string]any{
		"index": 0, "text": text, "finish_reason": "stop", "message": map[string]string{"role": "assistant", "content": text},
	}}})
	if err != nil { // strings always marshal
		panic(err)
	}
	return body
}

func lastQuestion(body []byte) string {
	var r struct {
		Prompt   any `json:"prompt"`
		Input    any `json:"input"`
		Messages []struct {
			Content any `json:"content"`
		} `json:"messages"`
	}
	if json.Unmarshal(body, &r) != nil {
		return ""
	}
	if n := len(r.Messages); n > 0 {
		return fmt.Sprint(r.Messages[n-1].Content)
	}
	return fmt.Sprint(r.Prompt, r.Input)
}

// TextOf is the text of an answer, or its beginning where it has none.
func TextOf(answer []byte) string {
	var r struct {
		Choices []struct {
			Text    string `json:"text"`
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if json.Unmarshal(answer, &r) == nil && len(r.Choices) > 0 {
		return r.Choices[0].Message.Content + r.Choices[0].Text
	}
	if !utf8.Valid(answer) {
		return fmt.Sprintf("%d bytes that are no text", len(answer))
	}
	return strings.ToValidUTF8(string(answer[:min(200, len(answer))]), "")
}

// Text is the report for people.
func (r *Report) Text() string {
	var s strings.Builder
	for _, l := range r.Items {
		fmt.Fprintf(&s, "%.2f  %s\n      %q: %s\n", l.Score, lastQuestion(l.Request), l.Answer, l.Reason)
	}
	fmt.Fprintf(&s, "\n%s, %s\nmean score %.2f\n", r.Task.Name, r.Digest, r.Mean)
	for i, n := range r.Histogram {
		fmt.Fprintf(&s, "  %.1f %s %d\n", float64(i)/10, strings.Repeat("#", min(60, n)), n)
	}
	fmt.Fprintf(&s, "an item takes %.2f ms, a score %.2f ms, the model's answer %.0f ms; at most %d of %d instructions; %.1f MB of memory\n",
		r.DrawMS, r.ScoreMS, r.AnswerMS, r.Fuel, wasm.CallFuel, float64(r.Memory)/1e6)
	for _, w := range r.Warnings {
		fmt.Fprintf(&s, "warning: %s\n", w)
	}
	if len(r.Warnings) == 0 {
		s.WriteString("no warning\n")
	}
	return s.String()
}
