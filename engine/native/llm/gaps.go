package llm

import (
	"context"
	"slices"

	"agora/wire/openai"
)

// Gaps implements engine.Gauger. The answer's words are cut into tokens as this model cuts a text; where the server's tokens were others,
// which a greedy answer seldom has, a gap counts that is none.
func (e *Engine) Gaps(ctx context.Context, r *openai.ChatRequest, answer string) ([]float64, error) {
	a, err := e.chatAsk(ctx, r)
	if err != nil {
		return nil, err
	}
	if a.options.Temperature != 0 || len(a.seeds) != 1 || a.form != nil || a.tools || len(a.stops) > 0 {
		return nil, openai.Invalid("temperature", "how far an answer is from the model's own is measured where one plain text is asked for at temperature 0, without tools, form or stop")
	}
	if a.blank && answer != "" {
		answer = " " + answer // which the template takes away
	}
	ids := e.tokens.Encode(answer)
	ended := len(ids) < a.limit && len(e.ends) > 0
	ids = ids[:min(len(ids), a.limit)]
	if ended {
		ids = append(ids, e.ends[0])
	}
	gaps := make([]float64, 0, len(ids))
	err = e.each(ctx, a.prompt, ids, func(position int, logits []float32) bool {
		own := logits[ids[position]]
		if ended && position == len(ids)-1 {
			for _, end := range e.ends {
				own = max(own, logits[end])
			}
		}
		gaps = append(gaps, float64(slices.Max(logits))-float64(own))
		return true
	})
	return gaps, err
}
