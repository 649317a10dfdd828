package gateway

import (
	"context"
	"errors"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"agora/wire"
	"agora/wire/openai"
)

// Causes with which the gateway itself ends a request to a miner.
var (
	errSlowStart = errors.New("gateway: the miner did not begin to answer in time")
	errStalled   = errors.New("gateway: the miner stopped in the middle of its answer")
	errCut       = errors.New("gateway: the miner's answer ended before it was complete")
	errTooLarge  = errors.New("gateway: the miner's answer is larger than this gateway passes on")
	errNotJSON   = errors.New("gateway: the miner's answer is not a JSON object")
	errKind      = errors.New("gateway: the miner answered with another content type than was asked for")
)

// told is an error that a miner told, by its status or in its stream.
type told struct {
	reason *openai.Error
	wait   time.Duration // after which it asks to be asked again; 0 where it does not say
}

// Error leaves the reason out: it may hold what a consumer wrote, which no log shows.
func (t *told) Error() string { return "gateway: the miner answered " + strconv.Itoa(t.reason.Status) }

// statusOf is the status of an error that a miner told, 0 for any other error.
func statusOf(err error) int {
	if err == nil {
		return 0
	}
	var t *told
	if errors.As(err, &t) {
		return t.reason.Status
	}
	return 0
}

// isRefusal says that a miner refuses the request itself: it works, and another may be able to do it.
func isRefusal(err error) bool {
	return slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, statusOf(err))
}

// isBusy says that a miner is alive and has no room, or waits to be paid: no fault of its.
func isBusy(err error) bool {
	return errors.Is(err, wire.ErrBusy) || statusOf(err) == http.StatusTooManyRequests || statusOf(err) == http.StatusPaymentRequired
}

func isTimeout(err error) bool { return errors.Is(err, errSlowStart) || errors.Is(err, errStalled) }

// isUnserved says that a miner does not have this operation: another may.
func isUnserved(err error) bool {
	return slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, statusOf(err))
}

// failures are how the attempts of one call ended.
type failures struct {
	hard    int           // of those that are not refusals
	refused int           // as requests that the miner cannot do
	first   *openai.Error // refusal, of the best miner that refused
	busy    bool
	unpaid  bool          // one of the busy waits to be paid first
	wait    time.Duration // until the first of the busy ones has room
	slow    bool
	broken  bool
}

func (f *failures) add(err error) {
	var t *told
	switch errors.As(err, &t); {
	case isRefusal(err):
		f.refused++
		if f.first == nil {
			f.first = t.reason
		}
		return
	case isBusy(err):
		wait := time.Second
		if t != nil {
			wait = max(wait, t.wait)
		}
		if !f.busy || wait < f.wait {
			f.wait = wait
		}
		f.busy, f.unpaid = true, f.unpaid || statusOf(err) == http.StatusPaymentRequired
	case isUnserved(err):
	case isTimeout(err), errors.Is(err, context.DeadlineExceeded):
		f.slow = true
	default:
		f.broken = true
	}
	f.hard++
}

// lastFault turns the failures of all attempts into one answer: what a consumer can expect. That nobody can do it is said
// only where nobody had another reason.
func (c *call) lastFault() (e *openai.Error, retryAfter time.Duration) {
	f := c.failed
	switch {
	case f.busy && f.unpaid:
		return openai.Errorf(http.StatusTooManyRequests,
			"every miner that serves %q is busy, or is to be paid before it takes on what this request may cost; try again soon, or lower max_tokens or n", c.Model).WithCode("miners_busy"), f.wait
	case f.busy:
		return openai.Errorf(http.StatusTooManyRequests,
			"every miner that serves %q is busy; try again soon", c.Model).WithCode("miners_busy"), f.wait
	case f.first != nil:
		if f.first.Message == "" {
			return openai.Errorf(f.first.Status, "the miner refused the request without a reason"), 0
		}
		return f.first, 0
	case f.slow, c.late():
		return openai.Errorf(http.StatusGatewayTimeout, "%s did not answer in time: a stream may take %v to its first event, a plain answer %v in all",
			counted(len(c.tried)), c.FirstEvent, c.WholeAnswer).WithCode("miner_timeout"), 0
	case f.broken:
		return openai.Errorf(http.StatusBadGateway, "%s failed to answer", counted(len(c.tried))).WithCode("miner_failed"), 0
	case len(c.tried) > 0:
		return c.unserved(c.tried[0]), 0
	}
	return c.nobody()
}

// nobody is the answer where no miner could be asked: what the best one that is there cannot do, or that none is there.
func (c *call) nobody() (*openai.Error, time.Duration) {
	for _, tier := range c.route.tiers {
		for _, m := range tier {
			if e := c.unable(m); e != nil && c.Miners.Connected(m.netuid, m.HotKey) {
				return e, 0
			}
		}
	}
	return openai.Errorf(http.StatusServiceUnavailable,
		"no miner that serves %q is connected; try again soon or choose another model", c.Model).WithCode("no_miner"), 2 * time.Second
}

func counted(miners int) string {
	if miners == 1 {
		return "the miner asked"
	}
	return strconv.Itoa(miners) + " miners asked in turn"
}

// deny answers a request that no miner will see.
func (g *Gateway) deny(w http.ResponseWriter, e *openai.Error, retryAfter time.Duration) {
	g.metrics.refused.WithLabelValues(strconv.Itoa(e.Status)).Inc()
	refuse(w, e, retryAfter)
}

// longestWait is the longest retry-after that clients obey: above it some ask again at once, and some block their callers
// for minutes, unless they are told not to ask again by themselves.
const longestWait = time.Minute

func refuse(w http.ResponseWriter, e *openai.Error, retryAfter time.Duration) {
	if retryAfter > longestWait {
		w.Header().Set("X-Should-Retry", "false")
		retryAfter = longestWait
	}
	if retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(retryAfter.Seconds()))))
	}
	if s, ok := w.(speaker); ok {
		writeBody(w, e.Status, s.refuse(e))
		return
	}
	openai.WriteError(w, e)
}

// bodyFault says why a request's body could not be read.
func bodyFault(err error, limit int64) *openai.Error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return openai.Errorf(http.StatusRequestEntityTooLarge,
			"the body is larger than %d bytes, the most this gateway takes; shorten the prompt", limit).WithCode("request_too_large")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return openai.Errorf(http.StatusRequestTimeout, "the body did not arrive in time; send it again").WithCode("request_timeout")
	}
	return openai.Errorf(http.StatusBadRequest, "the body could not be read to its end")
}

func (g *Gateway) modelFault(model string, t *table) *openai.Error {
	e := openai.Errorf(http.StatusNotFound, "the model %q does not exist here; there is: %s", model, g.names(t))
	e.Param = "model"
	return e.WithCode("model_not_found")
}

// full is the refusal of a request for which the gateway has no room.
func full() *openai.Error {
	return openai.Errorf(http.StatusTooManyRequests,
		"the gateway is serving as many requests as it can; try again soon").WithCode("gateway_busy")
}

// later is a refusal that knows when to ask again.
type later struct {
	reason *openai.Error
	wait   time.Duration
}

func (l *later) Error() string { return l.reason.Message }

func (l *later) Unwrap() error { return l.reason }

// waitOf is when a refused request may come again.
func waitOf(err error) time.Duration {
	if l := (*later)(nil); errors.As(err, &l) {
		return l.wait
	}
	if s := openai.AsError(err).Status; s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable {
		return time.Second
	}
	return 0
}
