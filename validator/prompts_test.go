package validator

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"testing"
	"unicode"

	"agora/task"
)

func hashOf(text string) uint64 {
	hash, _ := normalised([]byte(text), nil)
	return hash
}

// folded is what normalised takes the hash of.
func folded(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+-*/<>", r)
	}), " ")
}

func TestAnotherSumIsAnotherPrompt(t *testing.T) {
	for sum, other := range map[string]string{"What is 12 + 6?": "what is 1 + 26?", "What is 12 - 6?": "What is 12 + 6?"} {
		if hashOf(sum) == hashOf(other) {
			t.Errorf("%q counts as %q", sum, other)
		}
	}
}

func TestAnOpenPromptIsKnownAmongThoseOfManySeats(t *testing.T) {
	v := examining(64)
	for prompt, open := range map[string]bool{
		"now tell me, what IS the sum of 63 and 31": true, "Now tell me what is the sum of 0 and 0?": true, "Now tell me what is the sum of 63 and 310?": false,
		"what is 63+31": false, "what is 63 + 31": true, "Now tell me what is the sum": false, "": false,
	} {
		if v.Open([][]byte{[]byte("Hello!"), []byte(prompt)}) != open {
			t.Errorf("%q is open: %v", prompt, !open)
		}
	}
	v.seats[63].judge = nil
	if v.Open([][]byte{[]byte("now tell me what is the sum of 63 and 31")}) {
		t.Error("the item of a seat that does not judge is open")
	}
}

func FuzzPromptIsOpenWhereItSaysWhatAnItemDoes(f *testing.F) {
	for _, text := range []string{
		"", "What is 12 + 30?", "fifteen letters", "sixteen letters.", "seventeen letters", " \"<b>\" ", "ÄÖÜ ß ẞ İ ı K Å ſ ǅ",
		"世界は広い、そして私たちはまだ何も見ていない", "\xff\xc3(\xe2\x82 \xf0\x9f\x98\x80 a\u0301", "Σίσυφος ΣΊΣΥΦΟΣ", "٣ + ४ = ७", "\u2028\u00a0\x00-",
	} {
		f.Add(text, strings.ToUpper(text))
		f.Add(text, text+"x")
		f.Add(text+"?", " "+text)
	}
	f.Fuzz(func(t *testing.T, item, prompt string) {
		for _, text := range []string{item, prompt} {
			old := fnv.New64a()
			old.Write([]byte(folded(text)))
			if hashOf(text) != old.Sum64() {
				t.Fatalf("%q has another hash", text)
			}
		}
		body, err := json.Marshal(map[string]string{"prompt": item})
		if err != nil {
			t.Fatal(err)
		}
		asked := strings.ToValidUTF8(item, "\ufffd") // as JSON has it
		if open := folded(asked) == folded(prompt); isOpen([]byte(prompt), []openPrompts{{1: true}, promptsOf(body)}) != open {
			t.Fatalf("%q beside %q is open: %v", prompt, item, !open)
		}
	})
}

// examining is a validator that judges in some subnets, with many items under way in each.
func examining(seats int) *Validator {
	v := &Validator{seats: map[uint32]*seat{}}
	for i := range seats {
		p := &pool{}
		for k := range 2 * poolWidth {
			for _, form := range []string{"Now tell me what is the sum of %d and %d?", "What is %d + %d?"} {
				body := fmt.Appendf(nil, `{"model":"m","prompt":"`+form+`"}`, i, 2*k+k%2)
				p.open = append(p.open, &poolItem{Item: task.Item{Body: body}, prompts: promptsOf(body)})
			}
		}
		p.publish()
		v.seats[uint32(i)] = &seat{judge: &judge{pool: p}}
	}
	return v
}

// BenchmarkOpen looks for prompts that begin as no item does, and for such that begin as one.
func BenchmarkOpen(b *testing.B) {
	for _, size := range []int{1 << 10, 32 << 10} {
		for _, seats := range []int{1, 64} {
			for begin, text := range map[string]string{"other": "Some words of a consumer's. ", "alike": "Now tell me what is the sum of "} {
				b.Run(fmt.Sprintf("%dKiB/%d/%s", size>>10, seats, begin), func(b *testing.B) {
					v := examining(seats)
					prompts := [][]byte{[]byte(strings.Repeat(text, size/len(text)))}
					b.ReportAllocs()
					for b.Loop() {
						if v.Open(prompts) {
							b.Fatal("open")
						}
					}
				})
			}
		}
	}
}
