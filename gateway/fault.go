package gateway

import (
	"context"
	"errors"
	"math"
	"net/http"
	"os"
	"strconv"
	"time"

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

// statusError is an HTTP status of a miner that says nothing about the request itself.
type statusError int

func (s statusError) Error() string { return "gateway: the miner answered " + strconv.Itoa(int(s)) }

// deny answers a request that no miner will see, or that none could answer.
func (g *Gateway) deny(w http.ResponseWriter, e *openai.Error, retryAfter time.Duration) {
	if retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(retryAfter.Seconds()))))
	}
	g.metrics.refused.WithLabelValues(strconv.Itoa(e.Status)).Inc()
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

func modelFault(model string, t *table) *openai.Error {
	e := openai.Errorf(http.StatusNotFound, "the model %q does not exist here; there is: %s", model, t.names())
	e.Param = "model"
	return e.WithCode("model_not_found")
}

// lastFault turns the failures of all attempts into one answer: the last says what a consumer can expect.
func (c *call) lastFault(last error) (e *openai.Error, retryAfter time.Duration) {
	switch {
	case last == nil:
		return openai.Errorf(http.StatusServiceUnavailable,
			"no miner that serves %q is connected; try again soon or choose another model", c.Model).WithCode("no_miner"), 2 * time.Second
	case isBusy(last):
		return openai.Errorf(http.StatusTooManyRequests,
			"every miner that serves %q is busy; try again soon", c.Model).WithCode("miners_busy"), time.Second
	case isUnserved(last):
		e = openai.Errorf(http.StatusBadRequest, "no miner of %q answers %s; try another model or endpoint", c.Model, c.path)
		e.Param = "model"
		return e.WithCode("not_served"), 0
	case isTimeout(last), errors.Is(last, context.DeadlineExceeded):
		return openai.Errorf(http.StatusGatewayTimeout,
			"%s did not answer in time", counted(len(c.tried))).WithCode("miner_timeout"), 0
	}
	return openai.Errorf(http.StatusBadGateway, "%s failed to answer", counted(len(c.tried))).WithCode("miner_failed"), 0
}

func counted(miners int) string {
	if miners == 1 {
		return "the miner asked"
	}
	return strconv.Itoa(miners) + " miners asked in turn"
}
