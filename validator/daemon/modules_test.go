package daemon

import (
	"testing"

	"agora/task/shelf"
)

func TestAnOperatorChoosesWhatHeJudges(t *testing.T) {
	own := shelf.Budget{Items: 7}
	for name, c := range map[string]struct {
		policy Tasks
		runs   map[uint32]bool
	}{
		"all":       {Tasks{}, map[uint32]bool{1: true, 9: true}},
		"none":      {Tasks{None: true, Only: []uint32{1}}, map[uint32]bool{1: false}},
		"some":      {Tasks{Only: []uint32{1, 2}, Never: []uint32{2}}, map[uint32]bool{1: true, 2: false, 3: false}},
		"all but 4": {Tasks{Never: []uint32{4}}, map[uint32]bool{4: false, 5: true}},
	} {
		for netuid, want := range c.runs {
			if c.policy.runs(netuid) != want {
				t.Errorf("%s: subnet %d is judged: %v", name, netuid, !want)
			}
		}
	}
	policy := Tasks{Budget: shelf.Budget{Items: 1}, Each: map[uint32]shelf.Budget{3: own}}
	if policy.budget(3) != own || policy.budget(4).Items != 1 {
		t.Errorf("budgets %+v and %+v", policy.budget(3), policy.budget(4))
	}
}
