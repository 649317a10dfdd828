package validator

import (
	"io"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"agora/task"
)

// halves is a task that thinks half of every answer.
type halves struct{ plain }

func (h halves) Item(seed task.Seed, index uint64) task.Item {
	item := h.plain.Item(seed, index)
	item.ID[0] ^= 1
	item.Score = func([]byte) (float64, error) { return 0.5, nil }
	return item
}

// A task that waits to judge is tried on the miners, and its scores count for nothing until then.
func TestTheNextTaskIsTriedBesideThePresentOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newField()
		hub.set(0, newServer(2, 100*time.Millisecond, skilled(0, 1)).serve)
		j := newTestJudge(t, hub, 1, io.Discard)
		j.deadline = time.Minute
		j.beside.set("sha256:next", halves{})
		judgingInTime(t, []*judge{j}, func() bool { return standing(j.book, 0).Asked >= 100 }, time.Hour)
		digest, list := j.beside.list()
		if digest != "sha256:next" || len(list) != 1 || list[0].UID != 0 || list[0].Items < 5 || list[0].Mean != 0.5 {
			t.Errorf("the next task found %q %+v", digest, list)
		}
		if s := standing(j.book, 0); math.Abs(s.Mean-1) > 1e-9 {
			t.Errorf("the board's mean is %v", s.Mean)
		}
		j.beside.set("", nil)
		if digest, list := j.beside.list(); digest != "" || list != nil {
			t.Errorf("%q %v", digest, list)
		}
	})
}
