package exam

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"agora/mechanism/frontier"
)

// Told is what another voice publishes of a model: its own results, signed.
type Told struct {
	Voice  string // who says so
	Stake  uint64
	Tempos []Tempo
}

// Others are the other voices of a subnet.
type Others interface {
	// Results is what they tell of a model, with the stake of all that are permitted.
	Results(ctx context.Context, netuid uint32, digest [32]byte) (told []Told, total uint64, err error)
}

const (
	lateTempos = 8  // so many past tempos that a model was not examined in make a latecomer of an examiner
	recomputed = 50 // one in so many of the results that were taken is computed all the same
)

// expected is a result that was told, and by whom.
type expected struct {
	scores []frontier.Score
	voices []string
}

// take lets a latecomer take what most others found out about past tempos, and returns the jobs that are left: those of which too little is
// told, and a random part of those that were taken, to be held to what was told. Who was told a falsehood once takes nothing any more.
func (c *Course) take(ctx context.Context, now Sitting, jobs []job) []job {
	if c.cfg.Others == nil || c.deceived() {
		return jobs
	}
	late := map[[32]byte][]job{}
	for _, j := range jobs {
		if j.tempo.Epoch < now.Epoch {
			late[j.model.Digest] = append(late[j.model.Digest], j)
		}
	}
	taken := map[[32]byte]map[uint64]expected{}
	for digest, list := range late {
		if len(list) < lateTempos {
			continue
		}
		told, total, err := c.cfg.Others.Results(ctx, c.cfg.NetUID, digest)
		if err != nil {
			c.cfg.Log.Debug("others do not tell what they found out", "netuid", c.cfg.NetUID, "model", short(digest), "err", err)
			continue
		}
		taken[digest] = agreed(told, total)
	}
	var left []job
	for _, j := range jobs {
		e, ok := taken[j.model.Digest][j.tempo.Epoch]
		if !ok || len(e.scores) != j.tempo.Items || j.tempo.Epoch == now.Epoch {
			left = append(left, j)
			continue
		}
		if c.draw() {
			j.told = &e
			left = append(left, j)
			continue
		}
		if err := c.takeIn(j, e); err != nil {
			c.report(err)
			left = append(left, j)
		}
	}
	return left
}

// draw says whether a result is computed although it was taken.
func (c *Course) draw() bool {
	if c.drawn != nil {
		return c.drawn()
	}
	return rand.IntN(recomputed) == 0
}

// agreed are the results, by tempo, that most of the stake that tells of the tempo gives, where those who tell of it have more than half of
// all stake.
func agreed(told []Told, total uint64) map[uint64]expected {
	type answer struct {
		expected
		stake uint64
	}
	answers, telling := map[uint64][]answer{}, map[uint64]uint64{}
	for _, v := range told {
		heard := map[uint64]bool{}
		for _, t := range v.Tempos {
			if heard[t.Epoch] || len(t.Scores) == 0 || slices.ContainsFunc(t.Scores, func(s frontier.Score) bool { return s > frontier.Whole }) {
				continue
			}
			heard[t.Epoch] = true
			telling[t.Epoch] += v.Stake
			list := answers[t.Epoch]
			at := slices.IndexFunc(list, func(a answer) bool { return slices.Equal(a.scores, t.Scores) })
			if at < 0 {
				at = len(list)
				list = append(list, answer{expected: expected{scores: t.Scores}})
			}
			list[at].stake += v.Stake
			list[at].voices = append(list[at].voices, v.Voice)
			answers[t.Epoch] = list
		}
	}
	found := map[uint64]expected{}
	for epoch, list := range answers {
		for _, a := range list {
			if telling[epoch] > total/2 && a.stake > telling[epoch]/2 {
				found[epoch] = a.expected
			}
		}
	}
	return found
}

// takeIn counts what was told.
func (c *Course) takeIn(j job, e expected) error {
	if err := c.cfg.Store.take(c.cfg.NetUID, j.tempo, j.model.Digest, e.scores); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.Taken++
	return c.board.Count(j.model.Digest, j.tempo.Epoch, j.tempo.Height, e.scores)
}

func (c *Course) deceived() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.progress.Deceived != ""
}

// hold compares what was told with what was computed, and filed. After a difference nothing that was told counts any more, and the error is
// errDeceived.
func (c *Course) hold(j job, scores []frontier.Score) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.Recomputed++
	if slices.Equal(j.told.scores, scores) {
		return nil
	}
	text := fmt.Sprintf("tempo %d of model %s: %v tell %v, computed are %v", j.tempo.Epoch, short(j.model.Digest), j.told.voices, j.told.scores, scores)
	c.cfg.Log.Error("other voices tell false results, and are not believed any more", "netuid", c.cfg.NetUID, "what", text)
	c.progress.Deceived = text
	if err := c.cfg.Store.untake(c.cfg.NetUID); err != nil {
		return err
	}
	known := c.listed // what was found out here stays
	c.board, c.listed = frontier.NewBoard(c.board.Rules()), map[[32]byte]Listed{}
	for _, m := range known {
		if err := c.know(m); err != nil {
			return err
		}
	}
	return errDeceived
}

// errDeceived makes a course look again for what is to be examined.
var errDeceived = errors.New("other voices tell false results: what was taken from them is examined here")
