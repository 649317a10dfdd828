package batch

import (
	"testing"
	"time"
)

// What a model keeps is what came in within its patience, however long it serves.
func TestTextsThatNobodyGoesOnWithAreForgotten(t *testing.T) {
	m := small(t)
	var k keep
	const room = 1 << 40
	start, most := time.Unix(1_700_000_000, 0), 0
	for i := range 120 {
		now := start.Add(time.Duration(i) * patience / 10)
		k.add(prompt(30, uint64(i)), m.NewSequence(), now)
		k.shrink(room, now)
		most = max(most, len(k.texts))
	}
	if most != 11 {
		t.Errorf("%d texts were kept at once, 11 came within the patience", most)
	}
}

func TestTextThatIsGoneOnWithStays(t *testing.T) {
	b := New(small(t), Options{Slots: 1})
	for seed := range uint64(2) {
		wait(t, start(t, b, prompt(30, seed), 1, &greedy{}))
	}
	b.Close()
	k, began := &b.kept, time.Unix(1_700_000_000, 0)
	for i := range k.texts {
		k.texts[i].used = began.Add(time.Duration(i) * time.Second)
	}
	const room = 1 << 40
	if _, n := k.find(prompt(40, 0), began.Add(patience)); n < 30 {
		t.Fatalf("%d tokens are taken over", n)
	}
	k.shrink(room, began.Add(patience+time.Minute))
	if len(k.texts) != 1 || common(k.texts[0].tokens, prompt(30, 0)) != 30 {
		t.Errorf("%d texts are kept", len(k.texts))
	}
	k.shrink(room, began.Add(2*patience+time.Second))
	if len(k.texts) != 0 || k.bytes != 0 {
		t.Errorf("%d texts are kept, %d bytes are counted", len(k.texts), k.bytes)
	}
}
