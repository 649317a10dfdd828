package ngram

import (
	"encoding/json"
	"math"
	"testing"

	"agora/engine"
	"agora/mechanism/score"
	"agora/task"
	"agora/task/continuation"
	"agora/wire/openai"
)

// answer runs an item through an engine as a miner does, up to the JSON that goes back.
func answer(t testing.TB, e *Engine, item task.Item) []byte {
	t.Helper()
	var req openai.CompletionRequest
	decodePrompt(t, item.Body, &req)
	var list []openai.TopLogprob
	var text []byte
	_, _, err := e.Complete(t.Context(), &req, func(k engine.Token) error {
		text = append(text, k.Bytes...)
		for _, a := range k.Top {
			list = append(list, openai.TopLogprob{Token: string(a.Bytes), Logprob: a.Logprob, Bytes: []int{int(a.Bytes[0])}})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(openai.CompletionResponse{
		Choices: []openai.CompletionChoice{{Text: string(text), Logprobs: &openai.CompletionLogprobs{TopBytes: [][]openai.TopLogprob{list}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// judge asks the engines of orders 1 to n as the board wishes, and returns the requests made.
func judge(t testing.TB, seed task.Seed, n int) (b *score.Board, requests int) {
	t.Helper()
	p := score.DefaultParams()
	p.Chance = continuation.Chance
	b, err := score.NewBoard(p)
	if err != nil {
		t.Fatal(err)
	}
	live := make([]uint16, n)
	engines := make([]*Engine, n)
	for i := range live {
		live[i], engines[i] = uint16(i), open(t, i+1)
	}
	family := continuation.New()
	for index := range uint64(4000) {
		need := b.Need(live)
		if len(need) == 0 {
			break
		}
		item := family.Item(seed, index)
		var results []score.Result
		for _, uid := range need {
			s, err := item.Score(answer(t, engines[uid], item))
			if err != nil {
				t.Fatal(err)
			}
			r := score.Result{UID: uid, Score: s}
			r.Said = score.Said{Text: index<<8 | uint64(uid) + 1, Telling: true}
			results = append(results, r)
		}
		b.Add(item.ID, results)
		requests += len(need)
	}
	return b, requests
}

func TestJudgeFindsTheLadderOfFive(t *testing.T) {
	const trials, models = 5, 5
	found, items := 0, 0.0
	for seed := range byte(trials) {
		b, requests := judge(t, task.Seed{seed, 1}, models)
		items += float64(requests) / models / trials
		last, apart := -1, true
		for place, s := range b.Standings() {
			if want := uint16(models - 1 - place); s.UID != want {
				t.Errorf("seed %d: place %d goes to order %d", seed, place, s.UID+1)
			}
			apart = apart && s.Tier > last
			last = s.Tier
		}
		if apart {
			found++
		}
	}
	t.Logf("all five apart in %d of %d trials; %.0f items per miner", found, trials, items)
	if found < trials-1 || items > 250 {
		t.Error("the ladder is not found soon enough")
	}
}

func TestItemsMeasureBitsPerByte(t *testing.T) {
	fresh := continuation.Default().Sample(task.Seed{77}, 50_000)
	family, e := continuation.New(), open(t, 3)
	const n = 3000
	bits := 0.0
	for i := range uint64(n) {
		item := family.Item(task.Seed{6}, i)
		s, err := item.Score(answer(t, e, item))
		if err != nil {
			t.Fatal(err)
		}
		bits += 16 * (1 - s) / n
	}
	if want := e.Model().Bits(fresh) / float64(len(fresh)); math.Abs(bits-want) > 0.1 {
		t.Errorf("%.3f bits per item, %.3f bits per byte of fresh text", bits, want)
	}
}
