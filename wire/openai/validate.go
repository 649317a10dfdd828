package openai

// Bounds of a request's fields.
const (
	MaxAlternatives = 256  // top_logprobs and logprobs: a whole distribution over bytes
	MaxModelName    = 256  // bytes
	MaxMessages     = 4096 // turns of a chat
	MaxChoices      = 8    // n: answers to one request
)

var roles = map[string]bool{
	"system": true, "developer": true, "user": true, "assistant": true, "tool": true, "function": true,
}

// Validate checks every field against its range. The error is an *Error that names the field.
func (r *ChatRequest) Validate() error {
	if len(r.Messages) == 0 {
		return Invalid("messages", "messages must hold at least one message")
	}
	if len(r.Messages) > MaxMessages {
		return Invalid("messages", "messages holds %d messages, at most %d are allowed", len(r.Messages), MaxMessages)
	}
	for i, m := range r.Messages {
		if !roles[m.Role] {
			return Invalid("messages.role", "message %d has the role %q; use system, user or assistant", i, short(m.Role))
		}
	}
	if orElse(r.TopLogprobs, 0) > 0 && !r.Logprobs { // 0 asks for nothing
		return Invalid("top_logprobs", "top_logprobs needs logprobs to be true")
	}
	return firstOf(
		checkModel(r.Model),
		checkAtLeast("max_tokens", r.MaxTokens, 1),
		checkAtLeast("max_completion_tokens", r.MaxCompletion, 1),
		checkSampling(r.Temperature, r.TopP, r.N),
		checkAlternatives("top_logprobs", r.TopLogprobs),
	)
}

// Validate checks every field against its range. The error is an *Error that names the field.
func (r *CompletionRequest) Validate() error {
	return firstOf(
		checkModel(r.Model),
		checkAtLeast("max_tokens", r.MaxTokens, 1),
		checkSampling(r.Temperature, r.TopP, r.N),
		checkAlternatives("logprobs", r.Logprobs),
	)
}

// Limit is how many tokens the answer may have: max_completion_tokens, else max_tokens, else byDefault.
func (r *ChatRequest) Limit(byDefault int) int {
	return orElse(r.MaxCompletion, orElse(r.MaxTokens, byDefault))
}

// Limit is how many tokens the answer may have: max_tokens, else byDefault.
func (r *CompletionRequest) Limit(byDefault int) int { return orElse(r.MaxTokens, byDefault) }

// WantsUsage says whether a stream must end with a chunk that carries the usage.
func (o *StreamOptions) WantsUsage() bool { return o != nil && o.IncludeUsage }

func orElse(v *int, byDefault int) int {
	if v == nil {
		return byDefault
	}
	return *v
}

func firstOf(errs ...*Error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkModel(name string) *Error {
	if name == "" {
		return Invalid("model", "model is missing; GET /v1/models lists the names")
	}
	if len(name) > MaxModelName {
		return Invalid("model", "the model's name has %d bytes, at most %d are allowed", len(name), MaxModelName)
	}
	return nil
}

func checkAtLeast(field string, v *int, least int) *Error {
	if v != nil && *v < least {
		return Invalid(field, "%s is %d, must be at least %d", field, *v, least)
	}
	return nil
}

func checkSampling(temperature, topP *float64, n *int) *Error {
	if temperature != nil && !(*temperature >= 0 && *temperature <= 2) {
		return Invalid("temperature", "temperature is %v, must be from 0 to 2", *temperature)
	}
	if topP != nil && !(*topP >= 0 && *topP <= 1) {
		return Invalid("top_p", "top_p is %v, must be from 0 to 1", *topP)
	}
	if n != nil && (*n < 1 || *n > MaxChoices) {
		return Invalid("n", "n is %d, must be from 1 to %d", *n, MaxChoices)
	}
	return nil
}

func checkAlternatives(field string, v *int) *Error {
	if v != nil && (*v < 0 || *v > MaxAlternatives) {
		return Invalid(field, "%s is %d, must be from 0 to %d", field, *v, MaxAlternatives)
	}
	return nil
}

// short keeps a foreign text small enough to quote in an error.
func short(s string) string {
	if len(s) > 32 {
		return s[:32] + "…"
	}
	return s
}
