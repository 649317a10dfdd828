package validator

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"time"

	"agora/gateway"
	"agora/mechanism/score"
	"agora/task"
	"agora/wire"
)

// Hub carries requests to the connected miners; a wire.Hub is one.
type Hub interface {
	Connected(key ed25519.PublicKey) bool
	RoundTripper(key ed25519.PublicKey) http.RoundTripper
	Recheck()
}

const (
	maxAnswer = 4 << 20         // bytes of one answer that are read
	busyPause = 2 * time.Second // before a miner that had no room is asked the same again
)

// errBusy marks a miner without room for another request.
var errBusy = errors.New("miner has no room")

// ask puts one item to one miner. counted is false if ctx ended, which says nothing about the miner.
func (j *judge) ask(ctx context.Context, item task.Item, m Miner) (result score.Result, counted bool) {
	result = score.Result{UID: uint16(m.UID), Registered: m.Registered, Failed: true}
	if !j.hub.Connected(m.HotKey) {
		return result, true
	}
	select {
	case j.slots <- struct{}{}:
		defer func() { <-j.slots }()
	case <-ctx.Done():
		return result, false
	}
	ctx, cancel := context.WithTimeoutCause(ctx, j.deadline, errSlow)
	defer cancel()
	began := time.Now()
	body, err := j.exchange(ctx, item, m.HotKey)
	if errors.Is(err, errBusy) {
		pause(ctx, busyPause)
		began = time.Now()
		body, err = j.exchange(ctx, item, m.HotKey)
	}
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errSlow) {
		return result, false
	}
	if errors.Is(err, errBusy) || errors.Is(err, wire.ErrNotConnected) {
		return result, true
	}
	result.Failed, result.Latency = false, time.Since(began)
	if err != nil {
		result.Trivial = true // it saw the item and gave nothing: a wrong answer
		return result, true
	}
	result.Score, _ = item.Score(body) // malformed is 0
	result.Answer, result.Trivial = fingerprint(body, result.Score)
	return result, true
}

// errSlow ends a request that took longer than its deadline.
var errSlow = errors.New("miner was too slow")

// errStatus marks an answer whose status is an error.
var errStatus = errors.New("miner answered with an error status")

// exchange sends the item as a gateway sends a consumer's request, and reads the answer.
func (j *judge) exchange(ctx context.Context, item task.Item, key ed25519.PublicKey) ([]byte, error) {
	resp, err := j.hub.RoundTripper(key).RoundTrip(gateway.Request(ctx, item.Path, item.Body))
	if errors.Is(err, wire.ErrBusy) {
		return nil, errBusy
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return nil, errBusy
	case resp.StatusCode != http.StatusOK:
		return nil, errStatus
	case len(body) > maxAnswer:
		return nil, io.ErrShortBuffer
	}
	return body, err
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
