package validator

import (
	"encoding/json"
	"errors"
	"testing"

	"agora/gateway"
	"agora/mechanism/capacity"
	"agora/validator/burst"
	"agora/wire/openai"
	"agora/wire/receipt"
)

// answered is a checked answer to a request of so many bytes.
func answered(bytes int, prompt uint32, tokens ...int32) *gateway.Checked {
	return &gateway.Checked{
		Miner: gateway.Miner{UID: 5, Registered: 50}, Body: make([]byte, bytes), Signed: "signed",
		Answer: &receipt.Answer{Receipt: receipt.Receipt{Prompt: prompt}, Tokens: [][]int32{tokens}},
	}
}

// Tokens count that the receipt covers, no more than were asked for and no more than a prompt can have.
func TestWorkIsWhatReceiptsTell(t *testing.T) {
	for name, c := range map[string]struct {
		of   *gateway.Checked
		want uint64
		ok   bool
	}{
		"an answer":                 {answered(100, 20, 1, 2, 3), capacity.Work(20, 3), true},
		"more read than was sent":   {answered(10, 20, 1, 2, 3), capacity.Work(10, 3), true},
		"more written than allowed": {answered(100, 20, 1, 2, 3, 4, 5, 6), capacity.Work(20, 4), true},
		"tokens are not told":       {&gateway.Checked{Answer: &receipt.Answer{}}, 0, false},
		"no receipt":                {&gateway.Checked{Err: errors.New("none")}, 0, false},
	} {
		if got, ok := workOf(c.of, 4); got != c.want || ok != c.ok {
			t.Errorf("%s: %d, %t, want %d, %t", name, got, ok, c.want, c.ok)
		}
	}
}

func TestConsumersCountWhileAServerIsMeasured(t *testing.T) {
	b := newBursts(nil)
	id := burst.ID{UID: 5, Registered: 50}
	b.also(answered(100, 20, 1))
	b.watch(id)
	b.also(answered(100, 20, 1, 2))
	b.also(answered(100, 8, 1))
	other := answered(100, 8, 1)
	other.Miner.Registered = 51
	b.also(other)
	if got, want := b.watched(id), capacity.Work(28, 3); got != want {
		t.Errorf("consumers' answers are worth %d, want %d", got, want)
	}
	b.also(answered(100, 20, 1))
	if len(b.open) != 0 {
		t.Errorf("after the measure %v is counted", b.open)
	}
}

// A line has what ended in time, with eight receipts at most.
func TestALineCountsWholeAnswers(t *testing.T) {
	var answers []gateway.Checked
	for range 10 {
		answers = append(answers, *answered(100, 20, 1, 2))
	}
	answers = append(answers, gateway.Checked{Err: errors.New("refused")})
	o := &order{shape: capacity.Shape{Answer: 16}}
	o.count(answers, 7)
	if l := o.line; l.Answered != 10 || l.Work != 10*capacity.Work(20, 2)+7 || l.Consumers != 7 || len(l.Receipts) != burst.MaxReceipts || len(o.whole) != 10 {
		t.Errorf("%+v", l)
	}
}

// Whatever a server reads, a request of a burst leaves room for its answer, though each byte were a token.
func TestRequestsOfABurstFit(t *testing.T) {
	for _, context := range []int{0, 128, 1152, 4096} {
		shape := capacity.ShapeOf(context, capacity.Tempo)
		var r openai.ChatRequest
		if err := json.Unmarshal(burstBody(shape, context), &r); err != nil {
			t.Fatal(err)
		}
		n := len(r.Messages[0].Content)
		if context > 256 && n+shape.Answer+reserved > context || n < reserved || n > wordBytes*shape.Prompt || *r.MaxTokens != shape.Answer {
			t.Errorf("context %d: %d bytes and %d tokens", context, n, *r.MaxTokens)
		}
	}
}
