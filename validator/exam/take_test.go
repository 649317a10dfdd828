package exam

import (
	"context"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"agora/mechanism/frontier"
)

// told is a subnet in which others say this.
type told struct {
	list  []Told
	total uint64
	asked int
}

func (o *told) Results(context.Context, uint32, [32]byte) ([]Told, uint64, error) {
	o.asked++
	return o.list, o.total, nil
}

const past = 12 // tempos before the running one in these tests

// early is an examiner that was there from the beginning, with what it tells of its model.
func early(t *testing.T, c *chain) (*Course, []Tempo) {
	t.Helper()
	own := course(t, c, NewRoom(&Shelf{}, 1), filepath.Join(t.TempDir(), "exam.db"))
	own.Begin(past)
	if own.Work(t.Context()) {
		t.Fatal(own.Progress().LastError)
	}
	tempos, err := own.Tempos(c.models[0].Digest, Backlog)
	if err != nil || len(tempos) != past+1 {
		t.Fatal(len(tempos), err)
	}
	return own, tempos
}

// late is an examiner that begins only now.
func late(t *testing.T, c *chain, others Others, drawn func() bool) (*Course, *Room) {
	t.Helper()
	room := NewRoom(&Shelf{}, 1)
	own := course(t, c, room, filepath.Join(t.TempDir(), "exam.db"))
	own.cfg.Others, own.drawn = others, drawn
	own.Begin(past)
	return own, room
}

func standings(t *testing.T, c *Course) []Standing {
	t.Helper()
	list, err := c.Standings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestALatecomerTakesWhatMostOthersFoundOut(t *testing.T) {
	worst, _ := ends()
	c := &chain{models: shipped(worst), items: 1}
	first, tempos := early(t, c)
	draws := 0
	own, room := late(t, c, &told{list: []Told{{Voice: "a", Stake: 60, Tempos: tempos}}, total: 100}, func() bool {
		draws++
		return draws == 4
	})
	if own.Work(t.Context()) {
		t.Fatal(own.Progress().LastError)
	}
	if x, y := standings(t, own), standings(t, first); !reflect.DeepEqual(x, y) {
		t.Errorf("%+v, who was there from the beginning found %+v", x, y)
	}
	if asked, _ := room.Effort(); asked != 2*2 { // the running tempo and the one that was drawn, two families each
		t.Errorf("%d questions", asked)
	}
	if p := own.Progress(); p.Taken != past-1 || p.Recomputed != 1 || p.Deceived != "" || p.Behind != 0 {
		t.Errorf("%+v", p)
	}
	if list, err := own.Tempos(c.models[0].Digest, Backlog); err != nil || len(list) != 2 {
		t.Errorf("it tells %d tempos on, it examined two itself: %v", len(list), err)
	}
}

func TestWhatWasTakenIsThereAfterARestart(t *testing.T) {
	worst, _ := ends()
	c := &chain{models: shipped(worst), items: 1}
	_, tempos := early(t, c)
	others := &told{list: []Told{{Voice: "a", Stake: 60, Tempos: tempos}}, total: 100}
	own, _ := late(t, c, others, func() bool { return false })
	own.Work(t.Context())
	before := standings(t, own)
	again := NewCourse(own.cfg)
	again.Begin(past)
	if again.Work(t.Context()) || others.asked != 1 {
		t.Fatalf("%s, others were asked %d times", again.Progress().LastError, others.asked)
	}
	if after := standings(t, again); !reflect.DeepEqual(before, after) {
		t.Errorf("%+v, before the restart %+v", after, before)
	}
}

// Most of the stake tells falsehoods: the first one that is computed again ends all belief, and everything is examined here.
func TestWhoWasDeceivedExaminesEverythingItself(t *testing.T) {
	worst, _ := ends()
	c := &chain{models: shipped(worst), items: 1}
	first, tempos := early(t, c)
	for i := range tempos {
		tempos[i].Scores = []frontier.Score{frontier.Whole}
	}
	others := &told{list: []Told{{Voice: "liar", Stake: 60, Tempos: tempos}}, total: 100}
	draws := 0
	own, _ := late(t, c, others, func() bool {
		draws++
		return draws == 9
	})
	if !own.Work(t.Context()) || own.Progress().Deceived == "" {
		t.Fatalf("%+v", own.Progress())
	}
	if own.Work(t.Context()) {
		t.Fatal(own.Progress().LastError)
	}
	if x, y := standings(t, own), standings(t, first); !reflect.DeepEqual(x, y) || others.asked != 1 {
		t.Errorf("%+v, the truth is %+v; others were asked %d times", x, y, others.asked)
	}
	again := NewCourse(own.cfg)
	again.Begin(past)
	again.cfg.Others = nil
	again.Work(t.Context())
	if x, y := standings(t, again), standings(t, first); !reflect.DeepEqual(x, y) {
		t.Errorf("after a restart %+v, the truth is %+v", x, y)
	}
}

func TestOnlyWhatMostStakeTellsIsAgreed(t *testing.T) {
	x, y := []frontier.Score{1, 2}, []frontier.Score{1, 3}
	say := func(voice string, stake uint64, scores ...[]frontier.Score) Told {
		v := Told{Voice: voice, Stake: stake}
		for i, s := range scores {
			if s != nil {
				v.Tempos = append(v.Tempos, Tempo{uint64(i), s})
			}
		}
		return v
	}
	list := []Told{
		say("a", 30, x, x, nil, x, []frontier.Score{frontier.Whole + 1}),
		say("b", 25, x, y, nil, nil, x),
		say("c", 20, y, nil, x, y, y),
	}
	list = append(list, Told{Voice: "d", Stake: 10, Tempos: []Tempo{{0, x}, {0, y}, {2, x}}}) // one word for a tempo
	got := agreed(list, 100)
	if len(got) != 2 || !slices.Equal(got[0].scores, x) || !slices.Equal(got[0].voices, []string{"a", "b", "d"}) || !slices.Equal(got[1].scores, x) {
		t.Errorf("%+v", got)
	}
}
