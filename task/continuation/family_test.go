package continuation

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"agora/task"
	"agora/wire/openai"
)

var _ task.Family = (*Family)(nil)

func TestItemIsTheSameForTheSameSeedAndIndex(t *testing.T) {
	f := New()
	a, b, other, later := f.Item(task.Seed{1}, 7), f.Item(task.Seed{1}, 7), f.Item(task.Seed{2}, 7), f.Item(task.Seed{1}, 8)
	if a.ID != b.ID || string(a.Body) != string(b.Body) {
		t.Error("the same seed and index gave two items")
	}
	if a.ID == other.ID || a.ID == later.ID {
		t.Error("another seed or index gave the same item")
	}
}

func TestItemIsAnOrdinaryRequestThatHidesTheNextByte(t *testing.T) {
	var r map[string]any
	item := New().Item(task.Seed{4}, 1)
	if err := json.Unmarshal(item.Body, &r); err != nil {
		t.Fatal(err)
	}
	prompt := r["prompt"].(string)
	if item.Path != "/v1/completions" || r["max_tokens"] != 1.0 || r["logprobs"] != 256.0 || r["temperature"] != 0.0 {
		t.Errorf("%s %s", item.Path, item.Body)
	}
	if len(prompt) < minPrefix || len(prompt) > maxPrefix {
		t.Errorf("prompt of %d bytes", len(prompt))
	}
	prefix, next := New().cut(task.Seed{4}, 1)
	if string(prefix) != prompt {
		t.Error("the prompt is not the prefix that is judged")
	}
	if p, err := Default().Next(prefix); err != nil || p[next] == 0 {
		t.Errorf("the hidden byte %q cannot follow: %v", next, err)
	}
}

// Whoever knew the source itself would have its entropy as the mean of bits: the cut favours no kind of byte.
func TestBestPossibleMinerScoresTheEntropy(t *testing.T) {
	f, bits := New(), 0.0
	const n = 4000
	for i := range uint64(n) {
		prefix, next := f.cut(task.Seed{5}, i)
		p, err := Default().Next(prefix)
		if err != nil {
			t.Fatal(err)
		}
		score, err := f.Item(task.Seed{5}, i).Score(response(p))
		if err != nil {
			t.Fatal(err)
		}
		if want := 1 - math.Min(16, -math.Log2(p[next]))/16; math.Abs(score-want) > 1e-6 {
			t.Fatalf("item %d: score %v, want %v", i, score, want)
		}
		bits += 16 * (1 - score) / n
	}
	if want := Default().Entropy(); math.Abs(bits-want) > 0.1*want {
		t.Errorf("%.3f bits per item, entropy %.3f", bits, want)
	}
}

func TestDeclarations(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		want         float64 // probability of 'a'
		err          error
	}{
		{"bytes", top(`[{"token":"a","logprob":-0.6931471805599453,"bytes":[97]}]`), 0.5, nil},
		{"bytes win over the map", both(`[{"token":"a","logprob":-0.6931471805599453,"bytes":[97]}]`, `{"a":0}`), 0.5, nil},
		{"token text where bytes are absent", top(`[{"token":"a","logprob":-0.6931471805599453}]`), 0.5, nil},
		{"map", logprobs(`{"a":-0.6931471805599453}`), 0.5, nil},
		{"tokens count toward their first byte", logprobs(`{"a":-1.3862943611198906,"and":-1.3862943611198906}`), 0.5, nil},
		{"as llama.cpp writes them", `{"choices":[{"text":"a","logprobs":{"content":[{"token":"a","top_logprobs":[{"token":"a","logprob":-0.6931471805599453,"bytes":[97]}]}]}}]}`, 0.5, nil},
		{"rest goes to what is not named", saying("b", `{"b":-0.6931471805599453}`), 0.5 / 255, nil},
		{"nothing is left", saying("b", `{"b":0}`), 0, nil},
		{"rounding above one is scaled", logprobs(`{"a":0.0005}`), 1, nil},
		{"mass above one", logprobs(`{"a":0,"b":-3}`), 0, ErrMass},
		{"positive logprob", logprobs(`{"a":5}`), 0, ErrMass},
		{"huge logprob", logprobs(`{"a":1e300}`), 0, ErrMass},
		{"number too large", logprobs(`{"a":1e999}`), 0, ErrAnswer},
		{"NaN", logprobs(`{"a":NaN}`), 0, ErrAnswer},
		{"duplicate name", logprobs(`{"a":-1,"a":-1}`), 0, ErrDuplicate},
		{"duplicate escaped", logprobs(`{"a":-1,"\u0061":-1}`), 0, ErrDuplicate},
		{"duplicate bytes", top(`[{"token":"a","logprob":-1,"bytes":[97]},{"token":"x","logprob":-1,"bytes":[97]}]`), 0, ErrDuplicate},
		{"byte out of range", top(`[{"token":"a","logprob":-1,"bytes":[256]}]`), 0, ErrAnswer},
		{"no logprob", top(`[{"token":"a"}]`), 0, ErrAnswer},
		{"null logprob", logprobs(`{"a":null}`), 0, ErrAnswer},
		{"empty declaration", logprobs(`{}`), 1, nil},
		{"a text alone is certain", `{"choices":[{"text":"and"}]}`, 1, nil},
		{"of another byte", `{"choices":[{"text":"b","logprobs":null}]}`, 0, nil},
		{"neither", `{"choices":[{"text":""}]}`, 0, ErrAnswer},
		{"a declaration alone", saying("", `{"a":-0.1}`), 0, ErrText},
		{"a declaration with other text", saying("rubbish", `{"a":-0.1,"r":-3}`), 0, ErrText},
		{"with the less likely text", saying("b", `{"a":-0.6,"b":-0.9}`), 0, ErrText},
		{"with one as likely", saying("b", `{"a":-0.693,"b":-0.695}`), math.Exp(-0.693), nil},
		{"with all of a token", saying("and", `{"and":-0.1,"a":-3}`), math.Exp(-0.1) + math.Exp(-3), nil},
		{"with a part of a character", `{"choices":[{"text":"\ufffd","logprobs":{"top_bytes":[[{"token":"\ufffd","logprob":-0.1,"bytes":[226]}]]}}]}`, (1 - math.Exp(-0.1)) / 255, nil},
		{"without its first space", saying("and", `{" and":-0.1}`), (1 - math.Exp(-0.1)) / 255, nil},
		{"no choices", `{"choices":[]}`, 0, ErrAnswer},
		{"not JSON", `a`, 0, ErrAnswer},
		{"empty", ``, 0, ErrAnswer},
		{"too long", strings.Repeat(" ", maxAnswer+1), 0, ErrAnswer},
		{"too many", logprobs(many(Alternatives + 2)), 0, ErrAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := declared([]byte(c.answer))
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err == nil && math.Abs(p['a']-c.want) > 1e-9 {
				t.Errorf("p(a) = %v, want %v", p['a'], c.want)
			}
		})
	}
}

func TestSurpriseIsClippedAtSixteenBits(t *testing.T) {
	score, err := scoreAnswer([]byte(saying("b", `{"b":0}`)), 'a')
	if err != nil || score != 0 {
		t.Errorf("score %v, error %v", score, err)
	}
}

func TestDeclaringNothingUsefulScoresChance(t *testing.T) {
	var even [256]float64
	for b := range even {
		even[b] = 1.0 / 256
	}
	score, err := scoreAnswer(response(even), 'q')
	if err != nil || math.Abs(score-Chance) > 1e-9 {
		t.Errorf("score %v, error %v", score, err)
	}
}

// The rule is proper: for a belief that is true, no other declaration has a better expected score.
func TestLyingAboutProbabilitiesOnlyLoses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		belief, lie := simplex(t, "belief"), simplex(t, "lie")
		heard, err := declared(response(belief))
		if err != nil {
			t.Fatal(err)
		}
		lied, err := declared(response(lie))
		if err != nil {
			t.Fatal(err)
		}
		honest, lying := 0.0, 0.0
		for b, q := range belief {
			honest, lying = honest+q*scoreOf(heard[b]), lying+q*scoreOf(lied[b])
		}
		if lying > honest+1e-9 {
			t.Fatalf("lying scores %v, honesty %v", lying, honest)
		}
	})
}

func FuzzDeclared(f *testing.F) {
	for _, seed := range []string{
		logprobs(`{"a":-1,"b":-2}`), logprobs(`{"a":-1,"a":-2}`), logprobs(`{"a":1e999}`), logprobs(`{"":-1e300}`), logprobs(many(300)),
		top(`[{"token":"a","logprob":-1,"bytes":[97,98]}]`), top(`[{"token":"\ud800","logprob":-0.0}]`), top(`[[[[`), `{"choices":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := declared(body)
		if err != nil {
			return
		}
		sum := sumOf(p)
		for b, x := range p {
			if !(x >= 0 && x <= 1+1e-9) {
				t.Fatalf("p(%d) = %v", b, x)
			}
		}
		if !(sum <= 1+1e-9) {
			t.Fatalf("the distribution sums to %v", sum)
		}
		for _, next := range []byte{0, 'a', 255} {
			if score, err := scoreAnswer(body, next); err != nil || !(score >= 0 && score <= 1) {
				t.Fatalf("score %v, error %v", score, err)
			}
		}
	})
}

func BenchmarkScore(b *testing.B) {
	var even [256]float64
	for i := range even {
		even[i] = 1.0 / 256
	}
	body := response(even)
	for b.Loop() {
		if _, err := scoreAnswer(body, 'a'); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkItem(b *testing.B) {
	f := New()
	for i := uint64(0); b.Loop(); i++ {
		f.Item(task.Seed{}, i)
	}
}

// simplex draws a distribution over 256 bytes, each at least 2^-15 so that clipping plays no part.
func simplex(t *rapid.T, label string) (p [256]float64) {
	w := rapid.SliceOfN(rapid.IntRange(1, 32), 256, 256).Draw(t, label)
	total := 0
	for _, x := range w {
		total += x
	}
	for b, x := range w {
		p[b] = float64(x) / float64(total)
	}
	return p
}

// response is the answer of a miner with this belief, in this network's shape.
func response(p [256]float64) []byte {
	var list []openai.TopLogprob
	best := 0
	for b, x := range p {
		if x > p[best] {
			best = b
		}
		if x > 0 {
			list = append(list, openai.TopLogprob{Token: string(rune(b)), Logprob: math.Log(x), Bytes: []int{b}})
		}
	}
	body, err := json.Marshal(openai.CompletionResponse{
		Object:  "text_completion",
		Choices: []openai.CompletionChoice{{Text: string([]byte{byte(best)}), Logprobs: &openai.CompletionLogprobs{TopBytes: [][]openai.TopLogprob{list}}}},
	})
	if err != nil {
		panic(err)
	}
	return body
}

func logprobs(object string) string { return saying("a", object) }

func saying(text, object string) string {
	return `{"choices":[{"text":"` + text + `","logprobs":{"top_logprobs":[` + object + `]}}]}`
}

func top(list string) string {
	return `{"choices":[{"text":"a","logprobs":{"top_bytes":[` + list + `]}}]}`
}

func both(list, object string) string {
	return `{"choices":[{"text":"a","logprobs":{"top_bytes":[` + list + `],"top_logprobs":[` + object + `]}}]}`
}

// many declares n tokens of little mass.
func many(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf("\"t%d\":-20", i)
	}
	return "{" + strings.Join(parts, ",") + "}"
}
