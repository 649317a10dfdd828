package localnet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"agora/engine/native/store"
	"agora/mechanism/frontier"
	"agora/task"
	"agora/validator"
	"agora/validator/exam"
)

const (
	withheldItems  = 32                // by which both seeds of a tempo are compared
	withheldPart   = 120. / (30 * 240) // of the tempos of thirty days: every second one of a day, each of 360 blocks
	withheldPoints = 0.5               // of capability that it may move a pair of models by so
)

// judge computes what the better seed of each choice would have been worth to a model against its half.
func (w *withholder) judge(ctx context.Context, r *rivals) (string, error) {
	dir, err := os.MkdirTemp("", "agora-seeds")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir) // a folder of the system's
	kept, err := exam.OpenStore(filepath.Join(dir, "exam.db"))
	if err != nil {
		return "", err
	}
	defer kept.Close() // nobody reads it again
	gained, fewest, dividends := 0.0, len(w.file.Validators), uint32(0)
	for _, c := range w.choices {
		told, err := w.lead(ctx, kept, r, c.told)
		if err != nil {
			return "", err
		}
		other, err := w.lead(ctx, kept, r, c.kept)
		if err != nil {
			return "", err
		}
		gained += max(0, other-told) / float64(len(w.choices))
		fewest, dividends = min(fewest, c.proposers), max(dividends, c.dividends)
	}
	withheld, revealed := w.count()
	points := gained * withheldPart
	detail := fmt.Sprintf("a voice of %s of the stake withheld %d of %d reveals: these seeds are of the others' salts, and it had nothing of these tempos' dividends (where it revealed, up to %.3f of them); "+
		"each window to reveal in had blocks of %d proposers or more, %d reveals that the proposer of its first block left out came into another's%s; the better of two seeds moves a lead by %.1f points in a tempo, %.2f in thirty days where it is chosen in every second tempo of one",
		part(len(w.file.Validators)), withheld, withheld+revealed, float64(dividends)/65535, fewest, w.leftOut(), w.late(), gained, points)
	if points > withheldPoints {
		return "", fmt.Errorf("%s: more than %.1f", detail, withheldPoints)
	}
	return detail, nil
}

// part is a word for one of n.
func part(n int) string {
	if n == 4 {
		return "a quarter"
	}
	return fmt.Sprintf("one in %d parts", n)
}

// lead is by how many points a model is better than its half on the items of a seed.
func (w *withholder) lead(ctx context.Context, kept *exam.Store, r *rivals, seed task.Seed) (float64, error) {
	whole, err := w.capability(ctx, kept, chatNet, r.whole, seed)
	if err != nil {
		return 0, err
	}
	half, err := w.capability(ctx, kept, w.netuid, r.half, seed)
	return 100 * (whole - half), err
}

// capability is a model's mean score on the items of a seed.
func (w *withholder) capability(ctx context.Context, kept *exam.Store, netuid uint32, e store.Entry, seed task.Seed) (float64, error) {
	digest, ok := exam.ParseDigest(e.Digest)
	if !ok {
		return 0, fmt.Errorf("no digest: %q", e.Digest)
	}
	listed, err := w.chain.Model(ctx, netuid, e.Digest)
	if err != nil {
		return 0, err
	}
	contest, err := exam.ParseContest(contestTask)
	if err != nil {
		return 0, err
	}
	var questions []exam.Question
	for i := range uint64(withheldItems) {
		item, err := contest.Item(ctx, exam.Drawn{Seed: seed}, i)
		if err != nil {
			return 0, err
		}
		questions = append(questions, item...)
	}
	results, _, err := w.room.Examine(ctx, kept, validator.Listed(digest, listed), questions)
	if err != nil {
		return 0, err
	}
	sum := frontier.Score(0)
	for i := range withheldItems {
		sum += contest.Score(results[i*len(contest.Parts):])
	}
	return float64(sum) / float64(frontier.Whole) / withheldItems, nil
}
