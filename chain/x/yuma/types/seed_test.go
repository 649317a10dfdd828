package types_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"agora/chain/x/yuma/types"
)

// TestNextSeed holds the encoding: whoever examines computes it too.
func TestNextSeed(t *testing.T) {
	one, two, before := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{3}, 32)
	for _, c := range []struct {
		salts [][]byte
		want  string
	}{
		{[][]byte{one, two}, "93f7e496b56c4f1483df82cc0950d4a02fe59bf0e49137f012c523d7ee0af8ea"},
		{nil, "3934be98f37f0ec2eccb979779e3352f13b8a1e62245ec06fe9b43122bbcdd55"},
	} {
		seed := types.NextSeed("agora-test", 1, 5, c.salts, before)
		if got := hex.EncodeToString(seed[:]); got != c.want {
			t.Errorf("%d salts: %s, want %s", len(c.salts), got, c.want)
		}
	}
	if types.NextSeed("agora-test", 1, 5, [][]byte{one, two}, before) == types.NextSeed("agora-test", 1, 5, [][]byte{two, one}, before) {
		t.Error("the order of salts does not matter")
	}
}
