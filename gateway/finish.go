package gateway

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"agora/wire/openai"
)

// finish writes down what became of a request: for its key, for the metrics, for who asks later, and for the access log.
func (c *call) finish(v *visit, status int) {
	now := time.Now()
	took := now.Sub(c.arrived)
	one := generation{owner: v.key.ID, door: c.name, subnet: c.route.subnet, at: now, status: status}
	if c.given == nil {
		c.metrics.duration.WithLabelValues(c.name, c.route.subnet, strconv.Itoa(status)).Observe(took.Seconds())
	} else {
		c.given.series.duration.Observe(took.Seconds()) // its status is 200
		one = c.generationOf(v, status, now)
		v.key.owe(c.owed(v.tokens, one.usage))
		c.count(one)
		c.generations.keep(one)
	}
	c.bill.count(c.route.subnet)
	if c.Log.Enabled(context.Background(), slog.LevelDebug) {
		c.Log.Debug("served", "request", c.out.id, "subnet", c.route.subnet, "miner", one.provider, "status", status, "attempts", len(c.tried), "took", took)
	}
	c.access(one, took)
	c.trace(one, now)
}

// told is what an answer took by its miner's word; where that gave none, at least the parts that came.
func (c *call) told() openai.Usage {
	if u := c.given.usage; u != nil {
		return *u
	}
	return openai.Usage{CompletionTokens: int(c.given.parts)}
}

// owed is what an answer took beyond what was counted when its request came. Miners may lie; more than the request can have
// taken does not count.
func (c *call) owed(counted int, told openai.Usage) int {
	most := c.most()
	in, out := min(max(told.PromptTokens, counted), int(most.In)), min(max(told.CompletionTokens, 0), int(most.Out))
	return in + out - counted
}

// count adds an answer's tokens, where it tells them, and how fast they came to the metrics. Miners may lie; this is no bill.
func (c *call) count(one generation) {
	const absurd = 1 << 24
	u := c.given.usage
	if u == nil {
		return
	}
	if n := u.PromptTokens; n > 0 && n < absurd {
		c.given.series.input.Observe(float64(n))
	}
	if n := u.CompletionTokens; n > 0 && n < absurd {
		c.given.series.output.Observe(float64(n))
	}
	if n := u.CompletionTokens - 1; n > 0 && n < absurd && one.took > 0 {
		c.given.series.pace.Observe(one.took.Seconds() / float64(n))
	}
}

// access writes a request's line into the access log: who asked what and what it took, nothing of what was said.
func (c *call) access(one generation, took time.Duration) {
	if c.Access == nil {
		return
	}
	c.Access.LogAttrs(context.Background(), slog.LevelInfo, "request",
		slog.String("id", c.out.id), slog.String("key", one.owner), slog.String("operation", c.name), slog.String("asked", c.Model),
		slog.String("subnet", one.subnet), slog.String("model", one.model), slog.String("miner", one.provider), slog.Int("attempts", len(c.tried)),
		slog.Int("status", one.status), slog.Bool("stream", c.Stream), slog.Bool("left", one.left), slog.Int("bytes", len(c.body)),
		slog.Int("tokens_in", one.usage.PromptTokens), slog.Int("tokens_out", one.usage.CompletionTokens), slog.Uint64("rao", one.rao),
		slog.String("trace", traceOf(c.ctx)), slog.String("receipt", c.receiptName()), slog.Int64("first_us", one.first.Microseconds()), slog.Int64("took_us", took.Microseconds()))
}

// traceOf is the id of the trace that a request belongs to, empty where its consumer named none.
func traceOf(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		return sc.TraceID().String()
	}
	return ""
}

// receiptName is the name of the receipt of the answer that was given, and the id of its trace at the miner.
func (c *call) receiptName() string {
	if c.given == nil {
		return ""
	}
	return c.given.signID
}
