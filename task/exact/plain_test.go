package exact

import (
	"slices"
	"testing"
)

// One question has one plain sample, whatever the stream says, and nearly every question has one.
func TestPlainSamplesFollowFromTheConditions(t *testing.T) {
	s := NewSource([32]byte{7})
	found, asked := 0, 0
	for _, kind := range sentenceKinds {
		for range 200 {
			w := pick(s, common)
			list := conditions(s, kind, w)
			if _, ok := compose(s, w, list); !ok {
				continue
			}
			asked++
			text, ok := plainest(w, list)
			if !ok {
				continue
			}
			found++
			if !meets(text, w, list) {
				t.Errorf("%q does not meet its conditions about %q", text, w)
			}
			other := slices.Clone(list)
			slices.Reverse(other)
			if again, _ := plainest(w, other); again != text && len(list) < 2 {
				t.Errorf("%q and %q", text, again)
			}
		}
	}
	if found < asked*95/100 {
		t.Errorf("%d of %d questions have a plain sample", found, asked)
	}
}
