package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"agora/gateway/peek"
	"agora/wire"
	"agora/wire/openai"
)

// deliver passes an answer on that has begun. The status is the consumer's, whatever becomes of a stream afterwards.
func (c *call) deliver(a *answer) int {
	h := c.w.Header()
	h.Set("X-Agora-Miner", a.from.name)
	h.Set("X-Agora-Model", a.from.Model)
	h.Set("X-Agora-Subnet", c.route.subnet)
	h.Set("X-Agora-Rank", string(c.route.rank))
	h.Set("X-Content-Type-Options", "nosniff")
	status := a.resp.StatusCode
	if status == http.StatusOK && c.Stream {
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		c.announce(a, status)
		a.broken = a.pass()
		return status
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(a.part)))
	c.announce(a, status)
	_ = c.emit(a.part) // a consumer that left needs no answer
	c.count(a.part)
	return status
}

// announce writes the header. Overhead is the time the request spent here and not at the miner that answers; attempts
// that failed are part of it.
func (c *call) announce(a *answer, status int) {
	now := time.Now()
	overhead := a.sent.Sub(c.arrived) + now.Sub(a.got)
	c.metrics.overhead.Observe(overhead.Seconds())
	c.metrics.first.WithLabelValues(c.name, c.route.subnet).Observe(now.Sub(c.arrived).Seconds())
	c.w.Header().Set("X-Agora-Overhead-Us", strconv.FormatInt(overhead.Microseconds(), 10))
	c.w.WriteHeader(status)
}

// emit gives the consumer a part at once, and a bounded time to take it.
func (c *call) emit(part []byte) error {
	control := http.NewResponseController(c.w)
	_ = control.SetWriteDeadline(time.Now().Add(c.WriteTimeout)) // writers of tests have no deadlines
	if _, err := c.w.Write(part); err != nil {
		return err
	}
	return control.Flush()
}

// count adds the usage that an answer tells to the metrics. Miners may lie; this is no bill.
func (c *call) count(part []byte) {
	u, ok := peek.Usage(part)
	if !ok {
		return
	}
	const absurd = 1 << 24
	for kind, n := range map[string]int{"input": u.PromptTokens, "output": u.CompletionTokens} {
		if n > 0 && n < absurd {
			c.metrics.tokens.WithLabelValues(kind, c.route.subnet).Add(float64(n))
		}
	}
}

// refusal is the body for a miner's refusal of the request itself: the miner's, if it has OpenAI's shape.
func refusal(status int, body []byte) []byte {
	var shape struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	const most = 16 << 10
	if len(body) <= most && json.Unmarshal(body, &shape) == nil && shape.Error.Message != "" {
		return body
	}
	out, err := json.Marshal(openai.Errorf(status, "the miner refused the request without a reason"))
	if err != nil { // strings always marshal
		panic(err)
	}
	return out
}

// isBusy says that a miner is alive and has no room: no fault of its.
func isBusy(err error) bool {
	return errors.Is(err, wire.ErrBusy) || errors.Is(err, statusError(http.StatusTooManyRequests))
}

func isTimeout(err error) bool { return errors.Is(err, errSlowStart) || errors.Is(err, errStalled) }

// isUnserved says that a miner does not have this operation: another may.
func isUnserved(err error) bool {
	for _, s := range []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented} {
		if errors.Is(err, statusError(s)) {
			return true
		}
	}
	return false
}
