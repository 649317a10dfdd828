package daemon

import (
	"context"
	"testing"
	"time"

	"agora/engine"
	"agora/engine/native/llm"
	"agora/validator"
	"agora/validator/exam"
	"agora/wire/openai"
)

// slow takes its time before each answer, whose tokens are its model's.
type slow struct{ *llm.Engine }

func (s slow) Chat(ctx context.Context, r *openai.ChatRequest, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	select {
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
		return openai.Usage{}, "", ctx.Err()
	}
	return s.Engine.Chat(ctx, r, emit)
}

// Of two servers of a model the faster is paid more; the weights that say so follow from what the voices tell, figures and receipts
// included, and every voice tells the others what it has measured.
func TestAFasterServerIsPaidMore(t *testing.T) {
	t.Parallel()
	model := weightsOf(t, 64, 5)
	c := openContest(t, model, model, slow{model})
	c.publishGateways()
	c.until("the faster one is paid more", func() bool {
		paid, _ := c.incentives()
		return paid[1] > 0 && paid[0] > 2*paid[1]
	})
	_, epoch := c.incentives()
	for i, d := range c.daemons {
		again := &Again{Client: c.client, Gateway: "http://" + d.HTTP() + "/v1", NetUID: 1, Epoch: epoch - 1, Fetch: fetchFile}
		r, err := again.Run(t.Context())
		if err != nil || r.Moments == 0 || r.Receipts == 0 {
			t.Errorf("validator %d: %v, %+v", i, err, r)
		}
	}
	var told struct {
		Rows []struct {
			Lines []struct{ Work, Micros uint64 }
		}
	}
	c.get(0, validator.CapacityPath+"1", &told)
	if len(told.Rows) == 0 {
		t.Error("nothing is told of what was measured")
	}
	digest, _ := exam.ParseDigest(model.Info().Digest)
	fast, figures, ok := c.daemons[1].judge.Capacity(1, exam.Server{UID: voices, Digest: digest})
	behind, _, _ := c.daemons[1].judge.Capacity(1, exam.Server{UID: voices + 1, Digest: digest})
	if !ok || len(figures) == 0 || fast <= behind {
		t.Errorf("%d thousandths of a token in a second beside %d, by %v", fast, behind, figures)
	}
}
